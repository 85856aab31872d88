//! Every test of the crate from outside, in one executable: the linker runs once. What counts
//! memory of the whole process, or needs a browser, has a target of its own beside this folder.

mod answer_first;
mod answers;
mod calibration;
mod claims;
mod claims_by_task;
mod divergence;
mod exact_sums;
mod findings;
mod foreign;
mod goldens;
mod last_rows;
mod latex;
mod layouts;
mod names;
mod properties;
mod quotients;
mod reasons;
mod records;
mod report;
mod results;
mod rows_out;
mod sentences;
mod silent;
mod zero_variance;
