//! Heat map of tuning: validation metric by batch size and one hyper-parameter, failures hatched.

use plotters::style::RGBColor;

use super::font::{self, NORMAL, SMALL};
use super::palette::{INK, PAPER, contrast};
use super::panel::{Grid, Words, legible};
use super::scene::{Anchor, Label, Point, Scene};
use crate::tables::{Table, Value};
use crate::text;

/// Height of a cell, and of one where there are many.
const CELL: (f64, f64) = (19.0, 9.6);
/// Height that the cells of one panel may take, and those of all panels under each other.
const TALLEST: (f64, f64) = (260.0, 300.0);
/// Length after which the name of the parameter goes on in a further line.
const SIDE: f64 = 60.0;
/// The least width of a cell, which the name of a batch size fits.
const NARROWEST: f64 = 17.0;

/// Draws the table of [`crate::tables::tuning_map`]; `parameter` is what its rows vary.
pub(crate) fn draw(table: &Table, parameter: &str, higher_is_better: bool, width: f64) -> Scene {
    let column = |name| table.column(name);
    let (arm, batch, setting) = (column("arm"), column("batch_size"), column("value"));
    let (metric, failed) = (column("validation_metric"), column("failed"));
    let mut arms: Vec<String> = Vec::new();
    let (mut batches, mut settings) = (Vec::new(), Vec::new());
    for row in table.rows() {
        let name = row[arm].shown();
        if !arms.contains(&name) {
            arms.push(name);
        }
        batches.extend(row[batch].as_number());
        settings.extend(row[setting].as_number());
    }
    for values in [&mut batches, &mut settings] {
        values.sort_by(f64::total_cmp);
        values.dedup();
    }
    let seen = || {
        table
            .rows()
            .iter()
            .filter_map(|row| row[metric].as_number())
    };
    let low = seen().fold(f64::INFINITY, f64::min);
    let high = seen().fold(f64::NEG_INFINITY, f64::max);

    let labels: Vec<String> = settings.iter().map(|value| short(*value)).collect();
    let side = font::wrap(parameter, NORMAL, false, SIDE);
    let for_side = font::leading(NORMAL) * side.len() as f64 + 8.0;
    let left = font::widest(labels.iter().map(String::as_str), SMALL) + 4.0 + for_side;
    let gap = 12.0;
    let least = (NARROWEST * batches.len() as f64).max(104.0) + gap;
    let columns = Grid::columns(arms.len(), ((width - left) / least) as usize);
    let across = Grid::across(left, width - 6.0, columns, gap);
    let cell = across / batches.len().max(1) as f64;
    let rows = arms.len().div_ceil(columns).max(1) as f64;
    let row_height = (TALLEST.1 / rows).min(TALLEST.0) / settings.len().max(1) as f64;
    let row_height = row_height.clamp(CELL.1, CELL.0);
    let tall = row_height * settings.len() as f64;
    let words = |arm: &str| Words::new(arm, "batch size", "", across, tall);
    let above = arms
        .iter()
        .map(|arm| words(arm).above())
        .fold(0.0, f64::max);
    let grid = Grid {
        corner: (left, 2.0 + above),
        across,
        gap,
        down: above + tall + words("").below() + 6.0,
        columns,
    };
    let mut scene = Scene::new(width, 2.0 + rows * grid.down - 3.0);
    for row in table.rows() {
        let (Some(size), Some(value)) = (row[batch].as_number(), row[setting].as_number()) else {
            continue;
        };
        let index = arms
            .iter()
            .position(|name| *name == row[arm].shown())
            .unwrap_or(0);
        let (x, y) = grid.place(index);
        let across = batches.iter().position(|known| *known == size).unwrap_or(0);
        let down = settings
            .iter()
            .rev()
            .position(|known| *known == value)
            .unwrap_or(0);
        let at = (x + across as f64 * cell, y + down as f64 * row_height);
        let to = (at.0 + cell - 1.0, at.1 + row_height - 1.0);
        match row[metric].as_number() {
            Some(metric) => {
                let share = if high > low {
                    (metric - low) / (high - low)
                } else {
                    1.0
                };
                let share = if higher_is_better { share } else { 1.0 - share };
                filled(&mut scene, at, to, share, metric);
            }
            None => hatched(&mut scene, at, to),
        }
        if row[failed] != Value::Integer(0) && row[metric] != Value::Absent {
            // Some of the trials of this cell failed: a corner is cut.
            let corner = corner(to.1 - at.1);
            scene.fill(
                &[(to.0 - corner, at.1), (to.0, at.1), (to.0, at.1 + corner)],
                INK,
                1.0,
            );
        }
    }
    let sizes: Vec<String> = batches
        .iter()
        .map(|size| text::batch(*size as i64))
        .collect();
    for (index, name) in arms.iter().enumerate() {
        let (x, y) = grid.place(index);
        let around = words(name);
        let rise = font::leading(NORMAL) * (around.title.len().max(1) - 1) as f64;
        let title = Label::normal("", (x, y - 5.0 - rise), Anchor::Start).bold();
        scene.paragraph(&around.title, &title);
        let places: Vec<(f64, &str)> = (0..sizes.len())
            .map(|place| {
                let size = sizes[place].as_str();
                // A size wider than its cell stays within the drawing.
                let last = width - 0.5 * font::widest([size], SMALL) - 1.0;
                ((x + (place as f64 + 0.5) * cell).min(last), size)
            })
            .collect();
        for place in legible(&places, 3.0) {
            let (x, size) = places[place];
            let at = (x, y + tall + 3.0 + SMALL);
            scene.text(Label::small(size, at, Anchor::Middle));
        }
        let at = (x + 0.5 * across, y + tall + 24.0);
        scene.paragraph(&around.x, &Label::normal("", at, Anchor::Middle));
        if grid.first(index) {
            for (place, name) in labels.iter().rev().enumerate() {
                let at = (
                    x - 4.0,
                    y + (place as f64 + 0.5) * row_height + 0.36 * SMALL,
                );
                scene.text(Label::small(name, at, Anchor::End));
            }
            let at = (NORMAL + 2.0, y + 0.5 * tall);
            let label = Label::normal("", at, Anchor::Middle).upright();
            scene.paragraph(&side, &label);
        }
    }
    scene
}

/// A rate in three significant digits: a scaled one has as many as an f64 holds.
fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value < 0.0 {
        return format!("−{}", short(-value));
    }
    if (1e-2..1e4).contains(&value) {
        let decimals = (2 - value.log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.decimals$}");
        let trimmed = text.trim_end_matches('0').trim_end_matches('.');
        return if text.contains('.') { trimmed } else { &text }.to_owned();
    }
    let text = format!("{value:.1e}").replace(".0e", "e");
    text.replace("e-", "e−")
}

/// Length of the sides of a cut corner in a cell of a height.
fn corner(height: f64) -> f64 {
    (height / 3.0).min(6.0)
}

/// A cell from light to dark in one hue, so that it reads in grey; the number stands in it where
/// it fits.
fn filled(scene: &mut Scene, from: Point, to: Point, share: f64, value: f64) {
    let mix = |light: f64, dark: f64| (light + share * (dark - light)).round() as u8;
    let colour = RGBColor(mix(236.0, 8.0), mix(243.0, 69.0), mix(250.0, 128.0));
    scene.block(from, to, colour, 1.0);
    let text = if (0.01..1000.0).contains(&value.abs()) {
        format!("{value:.3}").replace('-', "−")
    } else {
        short(value)
    };
    // In a low cell the number keeps to the side of a cut corner, in others under it.
    let corner = corner(to.1 - from.1);
    let low = corner > 0.5 * (to.1 - from.1) - 0.36 * SMALL;
    let taken = if low { 2.0 * corner } else { 2.0 };
    if font::width(&text, SMALL, false) < to.0 - from.0 - taken {
        let at = (0.5 * (from.0 + to.0), 0.5 * (from.1 + to.1) + 0.36 * SMALL);
        let ink = [PAPER_ON_DARK, INK_ON_LIGHT]
            .into_iter()
            .max_by(|a, b| contrast(*a, colour).total_cmp(&contrast(*b, colour)))
            .unwrap_or(INK_ON_LIGHT);
        scene.text(Label::small(text, at, Anchor::Middle).in_colour(ink));
    }
}

/// White and black that a dark page leaves as they are, because the cell under them stays.
const PAPER_ON_DARK: RGBColor = RGBColor(0xfe, 0xfe, 0xfe);
const INK_ON_LIGHT: RGBColor = RGBColor(0x1b, 0x1b, 0x1b);

/// A cell of which no trial ended well.
fn hatched(scene: &mut Scene, from: Point, to: Point) {
    scene.block(from, to, PAPER, 1.0);
    let (wide, tall) = (to.0 - from.0, to.1 - from.1);
    let mut start = 0.0;
    while start < wide + tall {
        // From the upper edge down to the left, cut at the borders of the cell.
        let upper = if start <= wide {
            (from.0 + start, from.1)
        } else {
            (to.0, from.1 + start - wide)
        };
        let lower = if start <= tall {
            (from.0, from.1 + start)
        } else {
            (from.0 + start - tall, to.1)
        };
        scene.line(&[upper, lower], INK, 0.6, &[]);
        start += 4.0;
    }
    let border = [from, (to.0, from.1), to, (from.0, to.1), from];
    scene.line(&border, INK, 0.5, &[]);
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn rates_are_labelled_in_three_digits() {
        let rates = [
            0.282_842_712_474_619_06,
            0.24,
            0.8,
            10.0,
            100.0,
            1234.5,
            8.485e-3,
        ];
        let labels = ["0.283", "0.24", "0.8", "10", "100", "1234", "8.5e−3"];
        assert_eq!(rates.map(short), labels);
    }
}
