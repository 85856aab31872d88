//! Forest plot: every advantage with its interval and its adjusted p.

use super::axis::Axis;
use super::font::{self, SMALL};
use super::palette::{EDGE, GRID, INK, Look, Looks, MUTED};
use super::panel::{Panel, Words};
use super::scene::{Anchor, Label, Scene};
use crate::tables::ForestRow;
use crate::text;

const ROW: f64 = 14.0;
/// Length of the arrowhead that points to the favoured side.
const HEAD: f64 = 6.0;

/// An advantage as it is drawn.
struct Row {
    question: &'static str,
    /// Which arms are compared.
    contrast: String,
    batch: String,
    value: f64,
    interval: Option<(f64, f64)>,
    p: String,
    look: Look,
}

impl Row {
    fn new(row: &ForestRow, looks: &Looks) -> Self {
        let ends = row.advantage.interval;
        Self {
            question: row.question.name(),
            contrast: format!("{} over {}", row.treatment, row.baseline),
            batch: row.batch_size.map_or("all".to_owned(), text::batch),
            value: row.advantage.value,
            interval: ends.map(|ends| (ends.low, ends.high)),
            p: row.adjusted_p.map_or("–".to_owned(), text::p_number),
            look: looks.of(&row.treatment),
        }
    }
}

/// Draws the rows of [`crate::tables::forest`], on an axis that holds `whole`.
pub(crate) fn draw(
    advantages: &[ForestRow],
    whole: &[ForestRow],
    margin: Option<f64>,
    looks: &Looks,
    width: f64,
) -> Scene {
    let rows: Vec<Row> = advantages.iter().map(|row| Row::new(row, looks)).collect();
    let p_title = "adj. p";
    let names = rows.iter().flat_map(|row| {
        let question = font::width(row.question, SMALL, true);
        [question, font::width(&row.contrast, SMALL, false)]
    });
    let for_names = names.fold(30.0, f64::max).min(0.36 * width);
    let for_p = font::widest(
        rows.iter().map(|row| row.p.as_str()).chain([p_title]),
        SMALL,
    );
    let (left, right) = (for_names + 8.0, width - for_p - 12.0);
    let words = Words::new("", "advantage of the treatment", "", right - left, ROW);
    let sides = favoured(advantages)
        .map(|side| font::wrap(&side, SMALL, false, 0.5 * (right - left) - HEAD - 6.0));
    let for_sides = font::leading(SMALL) * sides.iter().map(Vec::len).max().unwrap_or(1) as f64;

    let head = 12.0;
    let headings = headings(&rows, for_names + 0.1);
    let for_headings: f64 = headings.iter().flatten().map(|lines| height(lines)).sum();
    let tall = for_headings + ROW * rows.len() as f64;
    let bottom = head + tall + 4.0;
    let panel = Panel {
        left,
        top: head,
        right,
        bottom,
        x: Axis::linear(
            visible(whole).into_iter(),
            ((right - left) / 45.0).max(2.0) as usize,
        ),
        y: Axis {
            ticks: Vec::new(),
            ..Axis::from_zero([1.0].into_iter(), 2)
        },
    };
    let below = bottom + words.below();
    let mut scene = Scene::new(width, below + for_sides + 3.0);
    for (lines, edge, inward, anchor) in [
        (&sides[0], left, 1.0, Anchor::Start),
        (&sides[1], right, -1.0, Anchor::End),
    ] {
        // An arrowhead points to the side, and the words stand behind it.
        let (x, y) = (edge + inward * HEAD, below + SMALL + 0.5);
        let middle = y - 0.3 * SMALL;
        let base = edge + 0.8 * inward * HEAD;
        let head = [(edge, middle), (base, middle - 2.6), (base, middle + 2.6)];
        scene.fill(&head, INK, 1.0);
        scene.paragraph(lines, &Label::small("", (x + 2.0 * inward, y), anchor));
    }
    let across = |value: f64| panel.at(value.clamp(panel.x.low, panel.x.high), 0.0).0;
    if let Some(margin) = margin {
        let (from, to) = (across(-margin), across(margin));
        scene.block((from, panel.top), (to, panel.bottom), GRID, 0.7);
        for x in [from, to] {
            scene.line(&[(x, panel.top), (x, panel.bottom)], MUTED, 0.5, EDGE);
        }
    }
    panel.draw(&mut scene, &words);
    let zero = across(0.0);
    scene.line(&[(zero, panel.top), (zero, panel.bottom)], MUTED, 0.7, &[]);
    scene.text(Label::small(
        p_title,
        (width - 4.0, head - 3.0),
        Anchor::End,
    ));

    let mut y = head + 2.0;
    for (row, [question, contrast]) in rows.iter().zip(&headings) {
        let heading = |y| Label::small("", (4.0, y + 10.0), Anchor::Start);
        scene.paragraph(question, &heading(y).bold());
        y += height(question);
        scene.paragraph(contrast, &heading(y));
        y += height(contrast);
        let middle = y + 0.5 * ROW;
        let baseline = middle + 0.36 * SMALL;
        scene.text(Label::small(
            &row.batch,
            (left - 6.0, baseline),
            Anchor::End,
        ));
        scene.text(Label::small(&row.p, (width - 4.0, baseline), Anchor::End));
        draw_row(&mut scene, &panel, row, middle);
        y += ROW;
    }
    scene
}

/// Which arm each side of zero favours. It is named where only one contrast is drawn.
fn favoured(rows: &[ForestRow]) -> [String; 2] {
    let name = |name: fn(&ForestRow) -> &str| {
        let mut names: Vec<&str> = rows.iter().map(name).collect();
        names.dedup();
        match &names[..] {
            [one] => Some(*one),
            _ => None,
        }
    };
    let both = name(|row| &row.baseline).zip(name(|row| &row.treatment));
    let (baseline, treatment) = both.unwrap_or(("the baseline", "the treatment"));
    [baseline, treatment].map(|name| format!("favours {name}"))
}

/// The heading lines above each row. They name its question where the row is the first of that
/// question, and its contrast where it is the first of that contrast in the question.
fn headings(rows: &[Row], room: f64) -> Vec<[Vec<String>; 2]> {
    let begins = |index: usize, same: &dyn Fn(&Row, &Row) -> bool| {
        index == 0 || !same(&rows[index - 1], &rows[index])
    };
    let words = |begins: bool, words: &str, bold| {
        font::wrap(if begins { words } else { "" }, SMALL, bold, room)
    };
    let of_row = |(index, row): (usize, &Row)| {
        let asks = begins(index, &|a, b| a.question == b.question);
        let compares = asks || begins(index, &|a, b| a.contrast == b.contrast);
        [
            words(asks, row.question, true),
            words(compares, &row.contrast, false),
        ]
    };
    rows.iter().enumerate().map(of_row).collect()
}

/// Height of the lines of a heading.
fn height(lines: &[String]) -> f64 {
    match lines.len() {
        0 => 0.0,
        n => ROW + font::leading(SMALL) * (n - 1) as f64,
    }
}

/// All estimates and zero, and intervals as far as one spread of these beyond them on each side.
fn visible(rows: &[ForestRow]) -> Vec<f64> {
    let values = rows.iter().map(|row| row.advantage.value);
    let estimates: Vec<f64> = values.chain([0.0]).collect();
    let low = estimates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = estimates.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = (high - low).max(1e-12);
    let ends = rows
        .iter()
        .filter_map(|row| row.advantage.interval)
        .flat_map(|ends| [ends.low.max(low - room), ends.high.min(high + room)]);
    estimates.iter().copied().chain(ends).collect()
}

fn draw_row(scene: &mut Scene, panel: &Panel, row: &Row, y: f64) {
    let across = |value: f64| panel.at(value, 0.0).0;
    let colour = row.look.colour;
    if let Some((low, high)) = row.interval {
        let (from, to) = (across(low.max(panel.x.low)), across(high.min(panel.x.high)));
        scene.line(&[(from, y), (to, y)], colour, 1.1, &[]);
        for (cut, x, inward) in [
            (low < panel.x.low, from, 1.0),
            (high > panel.x.high, to, -1.0),
        ] {
            if cut {
                let base = x + 4.0 * inward;
                scene.fill(&[(x, y), (base, y - 2.2), (base, y + 2.2)], colour, 1.0);
            } else {
                scene.line(&[(x, y - 2.0), (x, y + 2.0)], colour, 1.0, &[]);
            }
        }
    }
    scene.marker((across(row.value), y), row.look.marker, 2.6, colour, 1.0);
}
