//! Forest plot: every advantage with its interval and its adjusted p.

use super::axis::Axis;
use super::font;
use super::palette::{GRID, INK, Look, MUTED, look};
use super::panel::{Panel, SMALL, Words};
use super::scene::{Anchor, Label, Scene};
use crate::tables::{Table, Value};
use crate::text;

const ROW: f64 = 14.0;

struct Row {
    group: String,
    label: String,
    value: f64,
    interval: Option<(f64, f64)>,
    p: String,
    look: Look,
}

/// Draws the table of [`crate::tables::forest`].
pub(crate) fn draw(table: &Table, margin: Option<f64>, width: f64) -> Scene {
    let rows = rows(table);
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    groups.dedup();
    let top = 10.0;
    let height = top + ROW * (rows.len() + groups.len()) as f64 + Panel::BOTTOM_MARGIN + 6.0;
    let mut scene = Scene::new(width, height);
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts
            .map(|text| font::width(text, SMALL, false))
            .fold(0.0, f64::max)
    };
    let left = (widest(&mut rows.iter().map(|row| &row.label)) + 14.0).min(0.45 * width);
    let right = widest(&mut rows.iter().map(|row| &row.p)).max(30.0) + 8.0;
    let x = Axis::linear(
        visible(&rows).into_iter(),
        if width < 300.0 { 3 } else { 5 },
    );
    let panel = Panel {
        left,
        top,
        right: width - right,
        bottom: height - Panel::BOTTOM_MARGIN,
        x,
        y: Axis {
            ticks: Vec::new(),
            ..Axis::from_zero([1.0].into_iter(), 2)
        },
    };
    let across = |value: f64| panel.at(value, 0.0).0;
    if let Some(margin) = margin {
        let (from, to) = (
            across((-margin).max(panel.x.low)),
            across(margin.min(panel.x.high)),
        );
        let corners = [
            (from, panel.top),
            (to, panel.top),
            (to, panel.bottom),
            (from, panel.bottom),
        ];
        scene.fill(&corners, GRID, 0.7);
    }
    let label = "advantage of the treatment";
    panel.draw(
        &mut scene,
        Words {
            title: "",
            x: label,
            y: "",
        },
    );
    let zero = across(0.0);
    scene.line(&[(zero, panel.top), (zero, panel.bottom)], MUTED, 0.7, &[]);
    let p_title = text_at("adj. p", (width - 4.0, top - 1.0), Anchor::End, false);
    scene.text(p_title);

    let mut y = top;
    let mut group = "";
    for row in &rows {
        if row.group != group {
            group = &row.group;
            scene.text(text_at(group, (4.0, y + 10.0), Anchor::Start, true));
            y += ROW;
        }
        draw_row(&mut scene, &panel, row, y + 0.5 * ROW, width);
        y += ROW;
    }
    scene
}

fn text_at(text: &str, at: (f64, f64), anchor: Anchor, bold: bool) -> Label {
    Label {
        text: text.to_owned(),
        at,
        size: SMALL,
        anchor,
        bold,
        upright: false,
        colour: INK,
    }
}

fn rows(table: &Table) -> Vec<Row> {
    let column = |name| table.column(name);
    let (question, batch, value) = (
        column("question"),
        column("batch_size"),
        column("advantage"),
    );
    let (low, high, p) = (column("low"), column("high"), column("adjusted_p"));
    let (treatment, baseline) = (column("treatment"), column("baseline"));
    let mut contrasts: Vec<(&Value, &Value)> = Vec::new();
    for row in table.rows() {
        let contrast = (&row[treatment], &row[baseline]);
        if !contrasts.contains(&contrast) {
            contrasts.push(contrast);
        }
    }
    table
        .rows()
        .iter()
        .filter_map(|row| {
            let contrast = (&row[treatment], &row[baseline]);
            let index = contrasts.iter().position(|known| *known == contrast)?;
            let batch = match &row[batch] {
                Value::Integer(size) => text::batch(*size),
                _ => "all".to_owned(),
            };
            let label = if contrasts.len() > 1 {
                format!("{} {batch}", row[treatment].shown())
            } else {
                batch
            };
            Some(Row {
                group: row[question].shown(),
                label,
                value: row[value].as_number()?,
                interval: row[low].as_number().zip(row[high].as_number()),
                p: row[p].as_number().map_or("–".to_owned(), text::p_number),
                look: look(index),
            })
        })
        .collect()
}

/// All estimates and zero, and intervals as far as three times their spread.
fn visible(rows: &[Row]) -> Vec<f64> {
    let estimates: Vec<f64> = rows.iter().map(|row| row.value).chain([0.0]).collect();
    let low = estimates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = estimates.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let room = (high - low).max(1e-12);
    let ends = rows
        .iter()
        .filter_map(|row| row.interval)
        .flat_map(|(from, to)| [from.max(low - room), to.min(high + room)]);
    estimates.iter().copied().chain(ends).collect()
}

fn draw_row(scene: &mut Scene, panel: &Panel, row: &Row, y: f64, width: f64) {
    let across = |value: f64| panel.at(value, 0.0).0;
    let colour = row.look.colour;
    let baseline = y + 0.36 * SMALL;
    scene.text(text_at(
        &row.label,
        (panel.left - 6.0, baseline),
        Anchor::End,
        false,
    ));
    scene.text(text_at(&row.p, (width - 4.0, baseline), Anchor::End, false));
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
