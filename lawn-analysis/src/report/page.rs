//! The page, which begins with the answer: a sentence a claim and the main figure, then means and
//! every primary comparison, then the rest. What it rests on stands at its foot, and is linked.

use super::html::{self, Section};
use super::{Report, drill, is_primary, lines};
use crate::analysis::{
    Analysis, Answer, Claim, Family, Question, Support, Task, Verdict, best_baseline,
};
use crate::figures::{Figure, escape};
use crate::parallel;
use crate::request::ReportRequest;
use crate::tables::Table;
use crate::text::{integer, on_test};

impl Report<'_> {
    /// The whole page.
    pub(super) fn page(&self, tables: &[Table]) -> String {
        let (analysis, request) = (&self.analysis, self.request);
        let find = |name: &str| {
            let mut found = tables.iter();
            found.find(|table| table.name == name && !table.is_empty())
        };
        let named = |name: &str| find(name).map_or(String::new(), html::table);
        let feasible = lines::feasibility(analysis, request, &self.sensitivities, &self.claims);
        let feasibility = html::list(&feasible);
        let trials = find("confirmations")
            .map_or(String::new(), |table| drill::trials(table, &analysis.tasks));
        let section = |id, heading, body| Section { id, heading, body };
        let sections = [
            section("answer", "Answer", self.answer(!feasible.is_empty())),
            section("means", "Means by arm and batch size", self.means(tables)),
            section("primary", "Primary comparisons", self.primary(tables)),
            section("answers", "All questions", questions(analysis)),
            section("figures", "Figures", self.other_figures()),
            section("claims", "Claims", named("claims") + &named("aggregates")),
            section(
                "comparisons",
                "Comparisons",
                ["comparisons", "unpaired", "unmatched"].map(named).concat(),
            ),
            section("tuning", "Tuning", named("tuning")),
            section(
                "survival",
                "Survival and failures",
                [named("survival"), named("failures")].concat(),
            ),
            section("trials", "Trials", trials),
            section("asked", "What was asked", asked(analysis, request)),
            section(
                "feasibility",
                "What these seeds can decide",
                if feasibility.is_empty() {
                    feasibility
                } else {
                    feasibility + &named("feasibility")
                },
            ),
            section(
                "provenance",
                "Provenance",
                html::definitions(&request.provenance),
            ),
        ];
        html::page(&request.title, &sections)
    }

    /// A sentence a claim and the main figure, task by task, then what is missing; where nothing is
    /// claimed, that comes first.
    fn answer(&self, feasibility: bool) -> String {
        let analysis = &self.analysis;
        let notes = html::list(&analysis.notes);
        let [before, after] = if self.claims.is_empty() {
            [notes, String::new()]
        } else {
            [String::new(), notes]
        };
        let mut text = before;
        for task in &analysis.tasks {
            if analysis.tasks.len() > 1 {
                text.push_str(&format!("<h3>{}</h3>\n", escape(&task.name)));
            }
            let claims = self.claims.iter().filter(|claim| claim.task == task.name);
            let items: String = claims.map(claimed).collect();
            if !items.is_empty() {
                text.push_str(&html::answers(&items));
            }
            for figure in self.main_figures(&task.name) {
                text.push_str(&html::figure(figure));
            }
        }
        let mut links = vec![("#primary", "Every primary comparison")];
        if feasibility {
            links.push(("#feasibility", "What these seeds can decide"));
        }
        links.push(("#asked", "What was asked"));
        if !self.request.provenance.is_empty() {
            links.push(("#provenance", "Provenance"));
        }
        if analysis.tasks.is_empty() {
            links.clear();
        }
        text + &after + &html::links(&links)
    }

    fn means(&self, tables: &[Table]) -> String {
        let table = tables.iter().find(|table| table.name == "means");
        let Some(table) = table.filter(|table| !table.is_empty()) else {
            return String::new();
        };
        html::means(table, &self.analysis.tasks)
    }

    /// Every comparison of the test metric, better or worse, and what else came out worse.
    fn primary(&self, tables: &[Table]) -> String {
        // The rows of the primary question, in a table of another name.
        let of_primary = |whole: &str, name: &str| {
            let all = tables.iter().find(|table| table.name == whole)?;
            let question = all.column("question");
            let primary = Question::TestMetric.name();
            let mut table = all.with_rows(|row| row[question] == primary.into());
            table = table.hiding(&["question"]);
            if self.analysis.tasks.len() == 1 {
                table = table.hiding(&["task"]);
            }
            table.name = name.to_owned();
            (!table.is_empty()).then_some(table)
        };
        let Some(table) = of_primary("comparisons", "primary") else {
            return String::new();
        };
        let mut table = table.hiding(&["p_superior"]);
        let unpaired = of_primary("unpaired", "primary-unpaired");
        let unpaired = unpaired.map_or(String::new(), |table| {
            let heading = "<h3>Arms without a seed in common</h3>\n";
            heading.to_owned() + &html::table_of(&table, "unpaired")
        });
        let tasks = &self.analysis.tasks;
        let less = tasks.iter().filter(|task| !task.higher_is_better);
        let less: Vec<String> = less
            .map(|task| {
                format!(
                    " Of {} on {} less is better.",
                    on_test(&task.metric),
                    task.name
                )
            })
            .collect();
        table.caption = format!(
            "Every registered contrast at every batch size, in the test metric: the mean paired \
             difference, positive where the treatment is better, with its t interval, and p \
             adjusted by Holm over all of them.{}",
            less.concat()
        );
        let worse: String = lines::worse(&self.analysis).map(answered).collect();
        let worse = if worse.is_empty() {
            String::new()
        } else {
            format!(
                "<h3>What else came out worse</h3>\n{}",
                html::answers(&worse)
            )
        };
        let ended = [
            lines::survival(&self.analysis),
            lines::budget(&self.analysis),
        ];
        let ended = ended.iter().filter(|line| !line.is_empty());
        html::table_of(&table, "comparisons")
            + &unpaired
            + &worse
            + &ended.map(|line| html::paragraph(line)).collect::<String>()
    }

    fn other_figures(&self) -> String {
        let tasks = &self.analysis.tasks;
        let is_main = |figure: &Figure| {
            let mut main = tasks.iter().flat_map(|task| self.main_figures(&task.name));
            main.any(|one| one.name == figure.name)
        };
        let others: Vec<&Figure> = self.figures.iter().filter(|one| !is_main(one)).collect();
        let drawn = parallel::map(self.request.threads, &others, |one| html::figure(one)).concat();
        if self.figures.is_empty() {
            let none = "No confirmation trial has finished yet, so there is nothing to draw.";
            return html::paragraph(none);
        }
        drawn
    }
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
            format!("{best}, by validation data: every treatment is compared with it too"),
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
            format!("{}, two-sided, Holm", request.alpha),
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
    // A claim is coloured as what it says would be.
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

/// The answers over all batch sizes, and folded those at each.
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
        let also = if is_primary(family.question) {
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
