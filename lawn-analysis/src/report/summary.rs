//! The summary: Markdown that a terminal shows as well. It begins with the answer, a sentence a
//! claim, and leaves out nothing that speaks against a treatment.

use super::{Report, is_primary, lines};
use crate::analysis::{Adjusted, Analysis, Answer, Claim, Support, Task, Unpaired, Verdict};
use crate::stats::Estimate;
use crate::tables::{Table, Value};
use crate::text::{
    batch, better, count, number, on_test, p_number, percent, resolved, shortened, signed, visible,
    wrapped,
};

/// Columns of the screen.
const COLUMNS: usize = 100;
/// What names of arms may take at the least.
const SHORTEST_NAME: usize = 12;
/// Lines about what seeds can decide; of what is more, the number is said.
const MOST_FEASIBILITY: usize = 2;

impl Report<'_> {
    /// The summary as Markdown, of lines of [`COLUMNS`] characters: one screen for a contrast or
    /// two, as long as it takes for more.
    pub(super) fn summary(&self) -> String {
        let (analysis, request) = (&self.analysis, self.request);
        let mut text = vec![format!("# {}", shortened(&request.title, COLUMNS - 2))];
        text.extend(claimed(&self.claims));
        text.extend(notes(&analysis.notes));
        text.extend(self.main_figures_named());
        text.extend(means(&analysis.tasks, &self.means));
        let level = percent(1.0 - request.alpha);
        let test = request.deciding_test.name();
        let primary: Vec<&Answer> = analysis
            .families
            .iter()
            .filter(|family| is_primary(family.question))
            .flat_map(|family| &family.answers)
            .collect();
        let what = format!(
            "**Every primary comparison**: advantage of the treatment [{level} interval], n pairs, \
             adjusted p ({test}):"
        );
        text.extend(compared(analysis, &what, &primary));
        text.extend(unpaired(&primary));
        let worse: Vec<&Answer> = lines::worse(analysis).collect();
        text.extend(compared(analysis, "**What else came out worse**:", &worse));
        text.extend(verdicts(analysis));
        text.extend(ended(analysis));
        let feasible = lines::feasibility(analysis, request, &self.sensitivities, &self.claims);
        text.extend(feasibility(&feasible));
        text.push(String::new());
        text.push(
            "All of it: `report.html`, `verdicts.json`, `tables/`, `figures/` beside this file."
                .to_owned(),
        );
        let mut text = text.join("\n");
        text.push('\n');
        // A name must not move the terminal that shows it.
        let shown = |c| if c == '\n' { c } else { visible(c) };
        text.chars().map(shown).collect()
    }

    fn main_figures_named(&self) -> Vec<String> {
        let tasks = self.analysis.tasks.iter();
        let main = tasks.flat_map(|task| self.main_figures(&task.name));
        let names: Vec<String> = main
            .map(|one| format!("`figures/{}.svg`", one.name))
            .collect();
        match &names[..] {
            [] => Vec::new(),
            [one] => vec![String::new(), format!("Main figure: {one}")],
            several => {
                let mut all = vec![String::new(), "Main figures:".to_owned(), String::new()];
                all.extend(several.iter().map(|name| format!("- {name}")));
                all
            }
        }
    }
}

/// A text in lines, the first and the others begun as given.
fn begun(text: &str, begin: [&str; 2]) -> Vec<String> {
    let lines = wrapped(text, COLUMNS - begin[0].len());
    let begun = |(index, line)| format!("{}{line}", begin[usize::from(index > 0)]);
    lines.into_iter().enumerate().map(begun).collect()
}

/// An item of a list, its further lines set in.
fn item(text: &str) -> Vec<String> {
    begun(text, ["- ", "  "])
}

/// What was asked and cannot be answered: all of it.
fn notes(notes: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    for note in notes {
        shown.push(if shown.is_empty() { "" } else { ">" }.to_owned());
        shown.extend(begun(note, ["> ", "> "]));
    }
    shown
}

/// A sentence a claim.
fn claimed(claims: &[Claim]) -> Vec<String> {
    if claims.is_empty() {
        return Vec::new();
    }
    let of = |verdict| {
        claims
            .iter()
            .filter(|claim| claim.verdict == verdict)
            .count()
    };
    let (borne, opposite) = (of(Support::BorneOut), of(Support::OppositeBorneOut));
    let mut lines = vec![
        String::new(),
        format!(
            "**Claims**: {borne} of {} borne out, {opposite} opposite borne out, {} not decided.",
            claims.len(),
            claims.len() - borne - opposite
        ),
        String::new(),
    ];
    lines.extend(
        claims
            .iter()
            .flat_map(|claim| item(&format!("On {}. {}", claim.task, claim.sentence))),
    );
    lines
}

/// The means of the test metric: arms below each other, batch sizes side by side, in as many blocks
/// as the columns need.
fn means(tasks: &[Task], table: &Table) -> Vec<String> {
    let [task, arm, size, mean, n] =
        ["task", "arm", "batch_size", "mean", "n"].map(|name| table.column(name));
    let mut lines = Vec::new();
    for one in tasks {
        let rows: Vec<&Vec<Value>> = table
            .rows()
            .iter()
            .filter(|row| row[task] == (&one.name).into())
            .collect();
        if rows.is_empty() {
            continue;
        }
        let count_of = |row: &Vec<Value>| row[n].as_number().unwrap_or(0.0);
        let most = rows.iter().map(|row| count_of(row)).fold(0.0, f64::max);
        // The number of trials is said where it is not that of all others.
        let cell = |name: &str, at: i64| {
            let mut found = rows.iter();
            let is_it = |row: &&&Vec<Value>| row[arm] == name.into() && row[size] == at.into();
            found.find(is_it).map_or(String::new(), |row| {
                let value = row[mean].as_number().map_or("–".to_owned(), number);
                match count_of(row) {
                    n if n == most => value,
                    n => format!("{value} (n {n})"),
                }
            })
        };
        let text = format!(
            "**Mean {}** ({}) on {} (n {most}), by batch size:",
            on_test(&one.metric),
            better(one.higher_is_better),
            one.name
        );
        lines.push(String::new());
        lines.extend(begun(&text, ["", ""]));
        lines.extend([String::new(), "```text".to_owned()]);
        let widest = one.arms.iter().map(|name| name.chars().count()).max();
        let for_names = widest.unwrap_or(0).min(COLUMNS / 3);
        let columns: Vec<Vec<String>> = one
            .batch_sizes
            .iter()
            .map(|at| {
                let cells = one.arms.iter().map(|name| cell(name, *at));
                std::iter::once(batch(*at)).chain(cells).collect()
            })
            .collect();
        let wide = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max();
        let mut next = 0;
        while next < columns.len() {
            let mut used = for_names;
            let first = next;
            while next < columns.len() {
                let needed = 2 + wide(&columns[next]).unwrap_or(0);
                if next > first && used + needed > COLUMNS {
                    break;
                }
                used += needed;
                next += 1;
            }
            for line in 0..=one.arms.len() {
                let name = line
                    .checked_sub(1)
                    .map_or("", |index| one.arms[index].as_str());
                let mut text = format!("{:<for_names$}", shortened(name, for_names));
                for column in &columns[first..next] {
                    let room = wide(column).unwrap_or(0);
                    text.push_str(&format!("  {:>room$}", column[line]));
                }
                lines.push(text);
            }
        }
        lines.push("```".to_owned());
    }
    lines
}

/// Comparisons in rows, under the heads of their families.
fn compared(analysis: &Analysis, what: &str, answers: &[&Answer]) -> Vec<String> {
    if answers.is_empty() {
        return Vec::new();
    }
    let mut shown = vec![String::new()];
    shown.extend(begun(what, ["", ""]));
    shown.extend([String::new(), "```text".to_owned()]);
    shown.extend(table(analysis, answers));
    shown.push("```".to_owned());
    shown
}

/// Arms without a seed in common, as independent samples: a sentence a comparison.
fn unpaired(answers: &[&Answer]) -> Vec<String> {
    let found: Vec<String> = answers
        .iter()
        .filter_map(|answer| {
            let place = &answer.comparison.place;
            let found = answer.comparison.unpaired.as_ref()?;
            let at = place
                .batch_size
                .map_or(String::new(), |size| format!(" at {}", batch(size)));
            Some(item(&format!(
                "{}: {} over {}{at}: {}",
                place.task,
                place.contrast.treatment,
                place.contrast.baseline,
                independent(found, &answer.adjusted)
            )))
        })
        .flatten()
        .collect();
    if found.is_empty() {
        return Vec::new();
    }
    let what = "**Arms without a seed in common**, as independent samples, which decide no verdict \
                (`tables/unpaired.md`):";
    let mut lines = vec![String::new()];
    lines.extend(begun(what, ["", ""]));
    lines.push(String::new());
    lines.extend(found);
    lines
}

/// The advantage of independent samples, with its interval, n and p.
fn independent(found: &Unpaired, adjusted: &Adjusted) -> String {
    let advantage = advantage(found.difference);
    let p = |name: &str, p: Option<f64>| {
        p.map_or(format!("no {name}"), |p| {
            format!("{name} p {}", p_number(p))
        })
    };
    format!(
        "{advantage}, {} and {} trials, {}, {}",
        found.treatment,
        found.baseline,
        p("Welch", adjusted.welch),
        p("Mann–Whitney", adjusted.mann_whitney)
    )
}

/// An advantage with its interval.
fn advantage(found: Estimate) -> String {
    match found.interval {
        Some(interval) => {
            let [value, low, high] = resolved(found.value, interval.low, interval.high);
            format!("{value} [{low}, {high}]")
        }
        None => signed(found.value),
    }
}

fn table(analysis: &Analysis, answers: &[&Answer]) -> Vec<String> {
    let cells: Vec<[String; 5]> = answers.iter().map(|answer| cells(answer)).collect();
    let widest = |column: usize| {
        let lengths = cells.iter().map(|cells| cells[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let widths: [usize; 5] = std::array::from_fn(widest);
    // What the other columns leave is for the names of the arms.
    let others: usize = widths.iter().sum::<usize>() + 2 * widths.len();
    let room = COLUMNS.saturating_sub(others).max(SHORTEST_NAME);
    let whole = |answer: &Answer| {
        let contrast = &answer.comparison.place.contrast;
        format!("{} over {}", contrast.treatment, contrast.baseline)
    };
    let both = answers
        .iter()
        .all(|answer| whole(answer).chars().count() <= room);
    let names: Vec<String> = answers
        .iter()
        .map(|answer| {
            if both {
                whole(answer)
            } else {
                shortened(&answer.comparison.place.contrast.treatment, room)
            }
        })
        .collect();
    let names_width = names.iter().map(|name| name.chars().count()).max();
    let names_width = names_width.unwrap_or(0);
    let mut lines = Vec::new();
    let mut head = None;
    for ((answer, cells), name) in answers.iter().zip(&cells).zip(&names) {
        let place = &answer.comparison.place;
        let family = (&place.task, place.question);
        if head != Some(family) {
            head = Some(family);
            let over = if both { "" } else { ", over its baseline" };
            let of = analysis.tasks.iter().find(|task| task.name == place.task);
            let better = of.map_or("", |task| better(task.higher_is_better));
            let text = format!(
                "{}, {} ({better}): {}{over}",
                place.task,
                place.metric,
                place.question.name()
            );
            lines.push(shortened(&text, COLUMNS));
        }
        let [verdict, at, advantage, n, p] = cells;
        let line = format!(
            "{verdict:<0$}  {name:<1$}  {at:<2$}  {advantage:<3$}  {n:<4$}  {p}",
            widths[0], names_width, widths[1], widths[2], widths[3]
        );
        lines.push(line.trim_end().to_owned());
    }
    lines
}

/// Verdict, batch size, advantage with its interval, n and p.
fn cells(answer: &Answer) -> [String; 5] {
    let comparison = &answer.comparison;
    let advantage = comparison.advantage.map_or("–".to_owned(), advantage);
    let p = answer.adjusted.deciding;
    [
        answer.verdict.as_str().to_owned(),
        comparison
            .place
            .batch_size
            .map_or("all".to_owned(), |size| format!("at {}", batch(size))),
        advantage,
        format!("n {}", comparison.seeds.len()),
        p.map_or(String::new(), |p| format!("p {}", p_number(p))),
    ]
}

/// How often each verdict fell, over all questions.
fn verdicts(analysis: &Analysis) -> Vec<String> {
    let answers = || analysis.families.iter().flat_map(|family| &family.answers);
    if answers().next().is_none() {
        return Vec::new();
    }
    let of = |verdict| answers().filter(|answer| answer.verdict == verdict).count();
    let text = format!(
        "**Verdicts** on all questions: {} better, {} equivalent, {} worse, {} inconclusive \
         (`tables/comparisons.md`).",
        of(Verdict::Better),
        of(Verdict::Equivalent),
        of(Verdict::Worse),
        of(Verdict::Inconclusive)
    );
    let mut lines = vec![String::new()];
    lines.extend(begun(&text, ["", ""]));
    lines
}

/// How trials ended, and where the best setting lies on a border.
fn ended(analysis: &Analysis) -> Vec<String> {
    let said = [
        lines::survival(analysis),
        lines::budget(analysis),
        lines::border(analysis),
    ];
    let said = said.iter().filter(|text| !text.is_empty());
    said.flat_map(|text| [vec![String::new()], begun(text, ["", ""])].concat())
        .collect()
}

fn feasibility(found: &[String]) -> Vec<String> {
    if found.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        "**What these seeds can decide.**".to_owned(),
        String::new(),
    ];
    lines.extend(
        found
            .iter()
            .take(MOST_FEASIBILITY)
            .flat_map(|line| item(line)),
    );
    if found.len() > MOST_FEASIBILITY {
        let more = count(
            found.len() - MOST_FEASIBILITY,
            "more such line",
            "more such lines",
        );
        lines.push(format!("- {more}: `tables/feasibility.md`."));
    }
    lines
}
