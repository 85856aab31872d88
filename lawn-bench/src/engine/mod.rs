//! What runs trials. Every engine carries one command, `lawn trial DIR --index K`;
//! the files of the run stay the truth.

pub mod local;
