//! The page. It begins with the answer: a sentence per claim, and the main figure. Means and every
//! primary comparison follow, then the rest. What was asked stands at the foot, and is linked.

use super::contents::Contents;
use super::html::{self, Section};
use super::live::Live;
use super::{drill, lines};
use crate::analysis::{Analysis, Answer, Claim, Family, Support, Task, Verdict, best_baseline};
use crate::figures::{Figure, escape};
use crate::parallel;
use crate::request::ReportRequest;
use crate::tables::{Row, Rows, Table};
use crate::text::{integer, on_test};

/// The page; with what a sweep that still runs does now, above all else.
pub(super) fn page(contents: &Contents<'_>, live: Option<&Live>) -> String {
    let Contents {
        request,
        analysis,
        tables,
        ..
    } = contents;
    let feasible = lines::feasibility(contents);
    let feasibility = html::list(&feasible);
    let primary = primary(contents);
    let linked = Linked {
        primary: !primary.is_empty(),
        feasibility: !feasible.is_empty(),
    };
    let section = |id, heading, body| Section { id, heading, body };
    let sections = [
        section("now", "Now", live.map_or(String::new(), Live::html)),
        section("answer", "Answer", answer(contents, linked)),
        section(
            "means",
            "Means by arm and batch size",
            html::means(&tables.means, &analysis.tasks),
        ),
        section("primary", "Primary comparisons", primary),
        section("answers", "All questions", questions(analysis)),
        section("figures", "Figures", other_figures(contents)),
        section(
            "claims",
            "Claims",
            [
                if analysis.tasks.len() > 1 {
                    String::new()
                } else {
                    by_task(contents)
                },
                shown(&tables.claims),
                shown(&tables.aggregates),
            ]
            .concat(),
        ),
        section(
            "comparisons",
            "Comparisons",
            [
                shown(&tables.comparisons),
                shown(&tables.unpaired),
                shown(&tables.unmatched),
            ]
            .concat(),
        ),
        section("tuning", "Tuning", shown(&tables.tuning)),
        section(
            "survival",
            "Survival and failures",
            shown(&tables.survival) + &shown(&tables.failures),
        ),
        section(
            "trials",
            "Trials",
            if tables.confirmations.is_empty() {
                String::new()
            } else {
                drill::trials(&tables.confirmations, &analysis.tasks)
            },
        ),
        section("asked", "What was asked", asked(analysis, request)),
        section(
            "feasibility",
            "What these seeds can decide",
            if feasibility.is_empty() {
                feasibility
            } else {
                feasibility + &shown(&tables.feasibility)
            },
        ),
        section(
            "provenance",
            "Provenance",
            html::definitions(&request.provenance),
        ),
    ];
    html::page(&request.title, &sections, live.is_some())
}

/// The claims, a claim a row and a task a column.
fn by_task(contents: &Contents<'_>) -> String {
    let (across, tasks) = (&contents.claims_across, &contents.analysis.tasks);
    html::claims(across, tasks, &contents.tables.claims_by_task)
}

/// A table. It is empty where there are no rows.
fn shown<R: Row>(rows: &Rows<R>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    html::table(&rows.table())
}

/// Sections that the answer links to, where the page has them.
#[derive(Clone, Copy)]
struct Linked {
    primary: bool,
    feasibility: bool,
}

/// A sentence per claim and the main figure, task by task, then what is missing. Without any claim,
/// what is missing comes first.
fn answer(contents: &Contents<'_>, linked: Linked) -> String {
    let analysis = &contents.analysis;
    let notes = html::list(&analysis.notes);
    let [before, after] = if contents.claims.is_empty() {
        [notes, String::new()]
    } else {
        [String::new(), notes]
    };
    let mut text = before;
    if analysis.tasks.len() > 1 {
        text.push_str(&by_task(contents));
    }
    for task in &analysis.tasks {
        if analysis.tasks.len() > 1 {
            text.push_str(&format!("<h3>{}</h3>\n", escape(&task.name)));
        }
        let claims = contents
            .claims
            .iter()
            .filter(|claim| claim.task == task.name);
        let items: String = claims.map(claimed).collect();
        if !items.is_empty() {
            text.push_str(&html::answers(&items));
        }
        for figure in contents.main_figures(&task.name) {
            text.push_str(&html::figure(figure));
        }
    }
    let mut links = Vec::new();
    if linked.primary {
        links.push(("#primary", "Every primary comparison"));
    }
    if linked.feasibility {
        links.push(("#feasibility", "What these seeds can decide"));
    }
    links.push(("#asked", "What was asked"));
    if !contents.request.provenance.is_empty() {
        links.push(("#provenance", "Provenance"));
    }
    if analysis.tasks.is_empty() {
        links.clear();
    }
    text + &after + &html::links(&links)
}

/// Every comparison of the test metric, whatever its verdict, and all other comparisons in which a
/// treatment is worse.
fn primary(contents: &Contents<'_>) -> String {
    let tasks = &contents.analysis.tasks;
    // The rows of the primary question make a table with a name of its own.
    let of_primary = |mut table: Table, name: &str| {
        table = table.hiding("question");
        if tasks.len() == 1 {
            table = table.hiding("task");
        }
        table.name = name.to_owned();
        (!table.is_empty()).then_some(table)
    };
    let tables = &contents.tables;
    let comparisons = tables
        .comparisons
        .with_rows(|row| row.place.question.is_primary());
    let Some(table) = of_primary(comparisons.table(), "primary") else {
        return String::new();
    };
    let mut table = table.hiding("p_superior");
    let unpaired = tables
        .unpaired
        .with_rows(|row| row.place.question.is_primary());
    let unpaired = of_primary(unpaired.table(), "primary-unpaired");
    let unpaired = unpaired.map_or(String::new(), |table| {
        let heading = "<h3>Arms without a seed in common</h3>\n";
        heading.to_owned() + &html::table_of(&table, "unpaired")
    });
    let less = tasks.iter().filter(|task| !task.higher_is_better);
    let less: Vec<String> = less
        .map(|task| {
            format!(
                " For {} on {}, less is better.",
                on_test(&task.metric),
                task.name
            )
        })
        .collect();
    table.caption = format!(
        "Every registered contrast at every batch size, in the test metric. The advantage is the \
         mean paired difference, positive where the treatment is better, with its t interval. p is \
         adjusted by Holm over all of these comparisons.{}",
        less.concat()
    );
    let worse: String = lines::worse(&contents.analysis).map(answered).collect();
    let worse = if worse.is_empty() {
        String::new()
    } else {
        format!(
            "<h3>Other questions on which a treatment is worse</h3>\n{}",
            html::answers(&worse)
        )
    };
    let ended = [
        lines::survival(&contents.analysis),
        lines::budget(&contents.analysis),
    ];
    let ended = ended.iter().filter(|line| !line.is_empty());
    html::table_of(&table, "comparisons")
        + &unpaired
        + &worse
        + &ended.map(|line| html::paragraph(line)).collect::<String>()
}

fn other_figures(contents: &Contents<'_>) -> String {
    let tasks = &contents.analysis.tasks;
    let is_main = |figure: &Figure| {
        let mut main = tasks
            .iter()
            .flat_map(|task| contents.main_figures(&task.name));
        main.any(|one| one.name == figure.name)
    };
    let others: Vec<&Figure> = contents
        .figures
        .iter()
        .filter(|one| !is_main(one))
        .collect();
    let drawn = parallel::map(contents.request.threads, &others, |one| html::figure(one)).concat();
    if contents.figures.is_empty() {
        let none = "No confirmation trial has finished yet, so there is nothing to draw.";
        return html::paragraph(none);
    }
    drawn
}

fn asked(analysis: &Analysis, request: &ReportRequest) -> String {
    let of_task = |task: &Task| {
        let batches = task
            .batch_sizes
            .iter()
            .map(|batch| crate::text::batch(*batch));
        let batches: Vec<String> = batches.collect();
        let better = if task.higher_is_better {
            "more"
        } else {
            "less"
        };
        (
            format!("Task {}", task.name),
            format!(
                "{}, {better} is better; arms {}; batch sizes {}",
                task.metric,
                task.arms.join(", "),
                batches.join(" · ")
            ),
        )
    };
    let best = analysis.tasks.iter().filter_map(|task| {
        let best = best_baseline(task, request, &analysis.tuning)?;
        Some((
            format!("Best baseline on {}", task.name),
            format!("{best}, by validation data; every treatment is also compared with it"),
        ))
    });
    let contrasts = request.contrasts.iter().map(|contrast| {
        (
            "Contrast".to_owned(),
            format!("{} against {}", contrast.treatment, contrast.baseline),
        )
    });
    let margins = request.margins.iter().map(|(metric, margin)| {
        (
            "Margin".to_owned(),
            format!("{metric} ±{margin}: a smaller difference does not matter"),
        )
    });
    let rules = [
        (
            "Reference batch size".to_owned(),
            integer(request.reference_batch_size),
        ),
        (
            "Error rate of a family".to_owned(),
            format!("{}, two-sided, adjusted by Holm", request.alpha),
        ),
        (
            "Deciding test".to_owned(),
            request.deciding_test.name().to_owned(),
        ),
    ];
    let pairs: Vec<(String, String)> = analysis
        .tasks
        .iter()
        .map(of_task)
        .chain(contrasts)
        .chain(best)
        .chain(rules)
        .chain(margins)
        .collect();
    html::definitions(&pairs)
}

fn claimed(claim: &Claim) -> String {
    // A claim that is borne out gets the colour of *better*.
    let like = match claim.verdict {
        Support::BorneOut => Verdict::Better,
        Support::OppositeBorneOut => Verdict::Worse,
        Support::NotDecided => Verdict::Inconclusive,
    };
    html::answer(like, claim.verdict.as_str(), &claim.sentence)
}

fn answered(answer: &Answer) -> String {
    html::answer(answer.verdict, answer.verdict.as_str(), &answer.sentence)
}

/// The answers over all batch sizes, followed by folded lists of those at each batch size.
fn questions(analysis: &Analysis) -> String {
    let mut text = String::new();
    let overall = analysis
        .families
        .iter()
        .filter(|family| family.question.overall());
    let items: String = overall
        .flat_map(|family| &family.answers)
        .map(answered)
        .collect();
    if !items.is_empty() {
        text.push_str(&html::answers(&items));
    }
    let by_batch = |family: &&Family| !family.question.overall();
    for family in analysis.families.iter().filter(by_batch) {
        let items: String = family.answers.iter().map(answered).collect();
        let also = if family.question.is_primary() {
            ", in sentences"
        } else {
            ""
        };
        text.push_str(&format!(
            "<details><summary>{}: {}, at every batch size{also}</summary>\n{}</details>\n",
            escape(&family.task),
            family.question.name(),
            html::answers(&items),
        ));
    }
    text
}
