//! Every test of the `lawn` command, in one executable: the linker runs once.

#[path = "../../fuzz/check.rs"]
mod check;

mod advice;
mod clicks;
mod common;
mod config;
mod damaged_files;
mod data_files;
mod data_get;
mod defaults;
mod doctor;
mod earlier_words;
mod engine_settings;
mod engines;
mod eval;
mod failure;
mod fetch;
mod fetch_limits;
mod fetch_sources;
mod garbage;
mod hints;
mod images;
mod launchers;
mod machine;
mod manners;
mod older_samples;
mod overrides;
mod planning;
mod ray_answers;
mod recipes;
mod report;
mod schema;
mod schema_bounds;
mod slurm_commands;
mod slurm_scripts;
mod status;
mod streams;
mod sweep;
mod tasks;
mod tensorboard;
mod torture;
mod trial;
mod tuning;
mod weights_files;
mod wrong;
