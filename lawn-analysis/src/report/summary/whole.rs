//! The summary, as Markdown that a terminal shows as well. It begins with the answer, a sentence
//! per claim, and leaves out nothing that speaks against a treatment.

use super::by_task::by_task;
use super::compared::{compared, unpaired};
use super::means::means;
use super::screen::{COLUMNS, begun, item};
use crate::analysis::{Analysis, Answer, Claim, Support, Verdict};
use crate::report::contents::Contents;
use crate::report::lines;
use crate::text::{count, percent, shortened, visible};

/// The most lines about what the seeds can decide. The others are counted.
const MOST_FEASIBILITY: usize = 2;

/// The summary as Markdown in lines of [`COLUMNS`] characters. It fits one screen for one or two
/// contrasts, and is longer for more.
pub(crate) fn summary(contents: &Contents<'_>) -> String {
    let (analysis, request) = (&contents.analysis, contents.request);
    let mut text = vec![format!("# {}", shortened(&request.title, COLUMNS - 2))];
    text.extend(claimed(&contents.claims));
    text.extend(by_task(&contents.claims_across, &analysis.tasks));
    text.extend(notes(&analysis.notes));
    text.extend(main_figures_named(contents));
    text.extend(means(&analysis.tasks, contents.tables.means.rows()));
    let level = percent(1.0 - request.alpha);
    let test = request.deciding_test.name();
    let primary: Vec<&Answer> = analysis
        .families
        .iter()
        .filter(|family| family.question.is_primary())
        .flat_map(|family| &family.answers)
        .collect();
    let what = format!(
        "**Every primary comparison**: advantage of the treatment [{level} interval], n pairs, \
         adjusted p ({test}):"
    );
    text.extend(compared(analysis, &what, &primary));
    text.extend(unpaired(&primary));
    let worse: Vec<&Answer> = lines::worse(analysis).collect();
    text.extend(compared(
        analysis,
        "**Other questions on which a treatment is worse**:",
        &worse,
    ));
    text.extend(verdicts(analysis));
    text.extend(ended(analysis));
    let feasible = lines::feasibility(contents);
    text.extend(feasibility(&feasible));
    text.push(String::new());
    text.push(
        "The whole report: `report.html`, `verdicts.json`, `tables/`, `figures/` beside this file."
            .to_owned(),
    );
    let mut text = text.join("\n");
    text.push('\n');
    // A name must not move the cursor of the terminal that shows it.
    let shown = |c| if c == '\n' { c } else { visible(c) };
    text.chars().map(shown).collect()
}

fn main_figures_named(contents: &Contents<'_>) -> Vec<String> {
    let tasks = contents.analysis.tasks.iter();
    let main = tasks.flat_map(|task| contents.main_figures(&task.name));
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
/// Everything that was asked and cannot be answered.
fn notes(notes: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    for note in notes {
        shown.push(if shown.is_empty() { "" } else { ">" }.to_owned());
        shown.extend(begun(note, ["> ", "> "]));
    }
    shown
}

/// A sentence per claim.
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
    let unmeasured = claims.iter().filter(|claim| !claim.is_measured()).count();
    let of_these = match unmeasured {
        0 => String::new(),
        unmeasured => format!(", {unmeasured} of these for want of any number"),
    };
    let counts = format!(
        "**Claims**: {borne} of {} borne out, {opposite} opposite borne out, {} not \
         decided{of_these}.",
        claims.len(),
        claims.len() - borne - opposite
    );
    let mut lines = vec![String::new()];
    lines.extend(begun(&counts, ["", ""]));
    lines.push(String::new());
    lines.extend(claims.iter().flat_map(|claim| item(&claim.sentence)));
    lines
}

/// How often each verdict was reached, over all questions.
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

/// How trials ended, what they were trained for, and which best settings lie on a border.
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
