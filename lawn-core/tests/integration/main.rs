//! Every test of the crate from outside, in one executable: the linker runs once. What sets
//! threads or counts memory of the whole process has a file of its own beside this folder.

#[path = "../common/mod.rs"]
mod common;

mod averaged;
mod captured;
mod conformance;
mod constraints;
mod counted_rows;
mod cow_clip;
mod cuda;
mod cuda_steps;
mod custom_rule;
mod decay;
mod diagnostics;
mod embeddings;
mod embeddings_goldens;
mod empty;
mod far_apart;
mod fuzz;
mod goldens;
mod granularity;
mod handed_on;
mod invariants;
mod lamb;
mod lars;
mod left_out;
mod loaded_weights;
mod lost_units;
mod muon;
mod oracle;
mod oracle_of_matrices;
mod package;
mod radial;
mod ranges;
mod refused;
mod regroup;
mod rule_faults;
mod same_steps;
mod schedule_free;
mod scope_by_names;
mod selection;
mod state;
mod state_file;
mod told_norms;
mod untrained;
mod written;
