//! Figures. Each draws finished rows, computes nothing, and comes with their table as CSV.

mod axis;
mod by_batch;
#[cfg(test)]
mod check;
mod curves;
mod estimates;
mod export;
mod figure;
mod font;
mod forest;
mod gallery;
mod legend;
mod measure;
mod paired;
mod palette;
mod panel;
mod profile;
mod ranks;
mod rate_range;
mod scatter;
mod scene;
mod series;
#[cfg(test)]
mod sight;
mod slopes;
mod svg;
mod target;
mod tuning;

pub(crate) use figure::{Figure, NARROW, RenderedFigure, WIDE, set_apart};
pub(crate) use font::css as font_css;
pub(crate) use gallery::{AcrossTasks, of_all_tasks, of_task};
pub use rate_range::{RateCurve, rate_range_png};
pub(crate) use svg::escape;
