//! Every test of the crate from outside, in one executable: the linker runs once. What counts
//! memory of the whole process has a file of its own beside this folder.

#[path = "../common/mod.rs"]
mod common;

mod arms;
mod click_tables;
mod clicks;
mod data;
mod examine;
mod image;
mod kill;
mod precision;
mod ranks;
mod rating_trials;
mod ratings;
mod trial;
mod weights;
