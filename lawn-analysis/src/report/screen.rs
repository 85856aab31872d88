//! The summary: one screen of Markdown that a terminal shows as well.

use std::collections::BTreeSet;

use crate::analysis::{Analysis, Answer, Claim, Question, Sensitivity, Support, Verdict};
use crate::report::{ReportRequest, summary};
use crate::text::{batch, count, p_number, percent, resolved, shortened, signed, wrapped};

/// Columns and lines of the screen.
const COLUMNS: usize = 100;
const LINES: usize = 40;
/// More headlines than this are not written out as sentences.
const MOST_SENTENCES: usize = 2;
/// What names of arms may take at the least.
const SHORTEST_NAME: usize = 12;

/// How much is written out; of what is more, the number is said.
struct Detail {
    notes: usize,
    feasibility: usize,
    claims: usize,
    border_lines: usize,
}

/// From much to little.
const DETAILS: [Detail; 3] = [
    Detail {
        notes: 2,
        feasibility: 2,
        claims: 2,
        border_lines: 3,
    },
    Detail {
        notes: 1,
        feasibility: 1,
        claims: 1,
        border_lines: 2,
    },
    Detail {
        notes: 1,
        feasibility: 1,
        claims: 0,
        border_lines: 1,
    },
];

/// The summary of a report as Markdown, of at most [`LINES`] lines of [`COLUMNS`] characters: with
/// as much detail as leaves room for a verdict on every contrast.
pub(super) fn markdown(
    analysis: &Analysis,
    request: &ReportRequest,
    sensitivities: &[Vec<Option<Sensitivity>>],
    claims: &[Claim],
) -> String {
    let feasible = summary::feasibility_lines(analysis, request, sensitivities, claims);
    let rows = rows(analysis);
    let headlines: Vec<&Row> = rows.iter().filter(|row| row.importance == 0).collect();
    let needed = lines_of(&headlines) + AROUND;
    let screens = DETAILS.iter().map(|detail| {
        let mut above = vec![format!("# {}", shortened(&request.title, COLUMNS - 2))];
        above.extend(notes(&analysis.notes, detail.notes));
        above.extend(feasibility(&feasible, detail.feasibility));
        above.extend(sentences(analysis));
        let mut below = claimed(claims, detail.claims);
        below.extend(ended(analysis, detail.border_lines));
        (above, below)
    });
    let room = |(above, below): &(Vec<String>, Vec<String>)| {
        LINES.saturating_sub(above.len() + below.len())
    };
    let mut screens = screens.collect::<Vec<_>>();
    let fits = screens.iter().position(|screen| room(screen) >= needed);
    let screen = screens.swap_remove(fits.unwrap_or(screens.len() - 1));
    let middle = verdicts(analysis, request, &rows, room(&screen));
    let (above, below) = screen;
    let mut text = [above, middle, below].concat().join("\n");
    text.push('\n');
    text
}

/// How trials ended, where the best setting lies on a border, and where the rest is.
fn ended(analysis: &Analysis, border_lines: usize) -> Vec<String> {
    let mut shown = Vec::new();
    let said = [
        (summary::survival_line(analysis), 2),
        (summary::budget_line(analysis), 1),
        (summary::border_line(analysis), border_lines),
    ];
    for (text, most) in said.iter().filter(|(text, _)| !text.is_empty()) {
        shown.push(String::new());
        shown.extend(lines(text, *most, ["", ""]));
    }
    shown.push(String::new());
    shown.push(
        "All of it: `report.html`, `verdicts.json`, `tables/`, `figures/` beside this file."
            .to_owned(),
    );
    shown
}

/// A text in at most `most` lines, the first and the others begun as given.
fn lines(text: &str, most: usize, begin: [&str; 2]) -> Vec<String> {
    let mut lines = wrapped(text, COLUMNS - begin[0].len());
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            while last.chars().count() + 2 > COLUMNS - begin[0].len() {
                last.truncate(last.rfind(' ').unwrap_or(0));
            }
            last.push_str(" …");
        }
    }
    let begun = |(index, line)| format!("{}{line}", begin[usize::from(index > 0)]);
    lines.into_iter().enumerate().map(begun).collect()
}

/// An item of a list, its further lines set in.
fn item(text: &str, most: usize) -> Vec<String> {
    lines(text, most, ["- ", "  "])
}

fn notes(notes: &[String], most: usize) -> Vec<String> {
    let mut shown = Vec::new();
    for note in notes.iter().take(most) {
        shown.push(String::new());
        shown.extend(lines(note, 2, ["> ", "> "]));
    }
    if notes.len() > most {
        let more = count(notes.len() - most, "more note", "more notes");
        shown.extend([">".to_owned(), format!("> {more} in `report.html`.")]);
    }
    shown
}

fn feasibility(found: &[String], most: usize) -> Vec<String> {
    if found.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        "**Before any p-value.**".to_owned(),
        String::new(),
    ];
    lines.extend(found.iter().take(most).flat_map(|line| item(line, 3)));
    if found.len() > most {
        let more = count(found.len() - most, "more such line", "more such lines");
        lines.push(format!("- {more}: `tables/feasibility.md`."));
    }
    lines
}

/// The headlines as sentences, where they are so few that there is room.
fn sentences(analysis: &Analysis) -> Vec<String> {
    let mut headlines = summary::headlines(analysis);
    headlines.retain(|answer| {
        [Question::TestMetric, Question::GapSlope].contains(&answer.comparison.place.question)
    });
    if headlines.is_empty() || headlines.len() > MOST_SENTENCES {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    for answer in headlines {
        let text = format!("**{}**: {}", answer.verdict, answer.sentence);
        lines.extend(item(&text, 4));
    }
    lines
}

/// How claims fared, those that were decided first.
fn claimed(claims: &[Claim], most: usize) -> Vec<String> {
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
            "**Claims**: {borne} of {} borne out, {opposite} opposite borne out, {} not \
             decided (`tables/claims.md`).",
            claims.len(),
            claims.len() - borne - opposite
        ),
    ];
    let decided = claims
        .iter()
        .filter(|claim| claim.verdict != Support::NotDecided);
    let items = decided
        .take(most)
        .flat_map(|claim| item(&format!("On {}. {}", claim.task, claim.sentence), 2));
    let items: Vec<String> = items.collect();
    if !items.is_empty() {
        lines.push(String::new());
        lines.extend(items);
    }
    lines
}

/// How much an answer matters on one screen: the least number first.
fn importance(answer: &Answer, largest: Option<i64>) -> Option<usize> {
    let place = &answer.comparison.place;
    let at_largest = place.batch_size == largest;
    Some(match (place.question, at_largest) {
        (Question::TestMetric, true) => 0,
        (Question::GapSlope, _) => 1,
        (Question::GeneralizationGap, true) => 2,
        (Question::TestSlope, _) => 3,
        (Question::TestMetric, false) => 4,
        (Question::LargeBatchDrop, true) => 5,
        (Question::GeneralizationGap, false) => 6,
        (Question::AgainstReference, true) => 7,
        (Question::LargeBatchDrop, false) => 8,
        _ => return None,
    })
}

/// A row of the verdicts, its cells still of their own lengths.
struct Row<'a> {
    answer: &'a Answer,
    /// Position of its family: rows stand by family, in the order of the analysis.
    family: usize,
    importance: usize,
}

/// Lines about the rows: the count of the verdicts, what a row holds, a fence, and what is blank.
const AROUND: usize = 6;

/// Every answer that has a place on the screen, the most important first.
fn rows(analysis: &Analysis) -> Vec<Row<'_>> {
    let mut all: Vec<Row> = Vec::new();
    for (index, family) in analysis.families.iter().enumerate() {
        let task = analysis.tasks.iter().find(|task| task.name == family.task);
        let largest = task.and_then(|task| task.batch_sizes.last().copied());
        all.extend(family.answers.iter().filter_map(|answer| {
            Some(Row {
                answer,
                family: index,
                importance: importance(answer, largest)?,
            })
        }));
    }
    all.sort_by_key(|row| (row.importance, row.family));
    all
}

/// Lines that rows take: one each, and one for the head of each family.
fn lines_of(rows: &[&Row]) -> usize {
    let families: BTreeSet<usize> = rows.iter().map(|row| row.family).collect();
    rows.len() + families.len()
}

/// How often each verdict fell, and as many rows as there are lines for, under the heads of their
/// families.
fn verdicts(
    analysis: &Analysis,
    request: &ReportRequest,
    rows: &[Row],
    room: usize,
) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut kept: Vec<&Row> = Vec::new();
    let fits = |rows: &[&Row]| lines_of(rows) + AROUND <= room;
    let same = |a: &Row, b: &Row| (a.importance, a.family) == (b.importance, b.family);
    for together in rows.chunk_by(same) {
        let all: Vec<&Row> = kept.iter().copied().chain(together).collect();
        if fits(&all) {
            kept = all;
        } else if together[0].importance == 0 {
            // Of the most important ones some are better than none.
            let some = (0..together.len()).rev();
            let some = some.map(|n| kept.iter().copied().chain(&together[..n]).collect());
            kept = some
                .into_iter()
                .find(|rows: &Vec<&Row>| fits(rows))
                .unwrap_or(kept);
        }
    }
    kept.sort_by_key(|row| row.family);
    let answers = || analysis.families.iter().flat_map(|family| &family.answers);
    let of = |verdict| answers().filter(|answer| answer.verdict == verdict).count();
    let counts = format!(
        "**Verdicts**: {} better, {} equivalent, {} worse, {} inconclusive (`tables/comparisons.md`).",
        of(Verdict::Better),
        of(Verdict::Equivalent),
        of(Verdict::Worse),
        of(Verdict::Inconclusive)
    );
    let mut shown = vec![String::new(), counts];
    if !kept.is_empty() {
        shown.push(format!(
            "Advantage of the treatment [{} interval], n pairs, adjusted p ({} test):",
            percent(1.0 - request.alpha),
            request.deciding_test.name()
        ));
        shown.extend([String::new(), "```text".to_owned()]);
        shown.extend(table(analysis, &kept));
        shown.push("```".to_owned());
    }
    shown
}

fn table(analysis: &Analysis, rows: &[&Row]) -> Vec<String> {
    let cells: Vec<[String; 5]> = rows.iter().map(|row| cells(row.answer)).collect();
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
    let both = rows
        .iter()
        .all(|row| whole(row.answer).chars().count() <= room);
    let names: Vec<String> = rows
        .iter()
        .map(|row| {
            if both {
                whole(row.answer)
            } else {
                shortened(&row.answer.comparison.place.contrast.treatment, room)
            }
        })
        .collect();
    let names_width = names.iter().map(|name| name.chars().count()).max();
    let names_width = names_width.unwrap_or(0);
    let mut lines = Vec::new();
    let mut head = None;
    for ((row, cells), name) in rows.iter().zip(&cells).zip(&names) {
        if head != Some(row.family) {
            head = Some(row.family);
            let family = &analysis.families[row.family];
            let over = if both { "" } else { ", over its baseline" };
            let text = format!("{}: {}{over}", family.task, family.question.name());
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
    let interval = comparison
        .advantage
        .and_then(|advantage| advantage.interval);
    let advantage = comparison
        .advantage
        .map_or("–".to_owned(), |advantage| match interval {
            Some(interval) => {
                let [value, low, high] = resolved(advantage.value, interval.low, interval.high);
                format!("{value} [{low}, {high}]")
            }
            None => signed(advantage.value),
        });
    let p = answer.adjusted.deciding;
    [
        answer.verdict.as_str().to_owned(),
        comparison
            .place
            .batch_size
            .map_or(String::new(), |size| format!("at {}", batch(size))),
        advantage,
        format!("n {}", comparison.seeds.len()),
        p.map_or(String::new(), |p| format!("p {}", p_number(p))),
    ]
}
