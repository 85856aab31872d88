//! The contrasts that the names of arms suggest.

use crate::records::Records;
use crate::request::Contrast;

/// The contrasts that names suggest: every arm `X` against `X-lawn`, where both have a trial. They
/// stand in the order in which the trials name `X`.
pub fn contrasts_by_name(records: &Records) -> Vec<Contrast> {
    let mut arms: Vec<&str> = Vec::new();
    for trial in &records.trials {
        if !arms.contains(&trial.arm.as_str()) {
            arms.push(&trial.arm);
        }
    }
    let pair = |baseline: &&str| {
        let treatment = format!("{baseline}-lawn");
        arms.contains(&treatment.as_str()).then(|| Contrast {
            baseline: (*baseline).to_owned(),
            treatment,
        })
    };
    arms.iter().filter_map(pair).collect()
}
