//! That all ranks train one trial.

use std::collections::BTreeMap;

use serde_json::Value;

use super::checkpoint::identity;
use crate::ranks::{RankGroup, Ranks, RanksError};
use crate::tasks::TrialConfig;

/// Differences that are said one by one.
const SAID: usize = 4;

/// Refuses ranks that were told to train other trials than rank 0, or to deal tables out otherwise: they
/// would not come to the same sums.
///
/// # Errors
/// [`RanksError::OtherTrial`], on all ranks; and as of all sums.
pub(super) fn require_one_trial(
    group: &RankGroup,
    ranks: &Ranks,
    config: &TrialConfig,
) -> Result<(), RanksError> {
    let mut own: Value = serde_json::from_str(&identity(config)).expect("it is JSON");
    own["sharding"] = Value::from(if ranks.shares_tables() {
        "rows"
    } else {
        "none"
    });
    let texts = group.gather_texts(&own.to_string())?;
    // Nobody leaves before all know.
    let known = group.barrier();
    let first = settings(&texts[0]);
    let others = (0..).zip(&texts).skip(1);
    let differs = |(rank, text): (u32, &String)| {
        let differences = differences(&settings(text), &first)?;
        Some(RanksError::OtherTrial { rank, differences })
    };
    match others.filter_map(differs).next() {
        Some(error) => Err(error),
        None => known,
    }
}

/// All settings of a trial, by the way to each.
fn settings(text: &str) -> BTreeMap<String, Value> {
    fn add(at: &str, value: Value, into: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(all) => {
                for (name, one) in all {
                    let at = match at {
                        "" => name,
                        at => format!("{at}.{name}"),
                    };
                    add(&at, one, into);
                }
            }
            value => drop(into.insert(at.to_owned(), value)),
        }
    }
    let mut into = BTreeMap::new();
    let value = serde_json::from_str(text);
    add("", value.unwrap_or_else(|_| Value::from(text)), &mut into);
    into
}

/// What of `own` is not as at rank 0, in words; nothing where all is.
fn differences(own: &BTreeMap<String, Value>, first: &BTreeMap<String, Value>) -> Option<String> {
    let mut keys: Vec<&String> = own.keys().chain(first.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| own.get(*key) != first.get(*key));
    let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let said = keys.iter().take(SAID).map(|key| {
        let [own, first] = [own, first].map(|all| text(all.get(*key)));
        format!("{key} {own}, at rank 0 {first}")
    });
    let mut said: Vec<String> = said.collect();
    if keys.len() > SAID {
        said.push(format!("and {} more", keys.len() - SAID));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_said() {
        let of = |own: &str, first: &str| differences(&settings(own), &settings(first));
        let first = r#"{"seed":1,"optimizer":{"rule":"adam","learning_rate":0.01},"list":[1,2]}"#;
        assert_eq!(of(first, first), None);
        let own =
            r#"{"seed":1,"optimizer":{"rule":"adam","learning_rate":0.02,"clip":1},"list":[1]}"#;
        assert_eq!(
            of(own, first).as_deref(),
            Some(
                "list [1], at rank 0 [1,2]; optimizer.clip 1, at rank 0 absent; \
                 optimizer.learning_rate 0.02, at rank 0 0.01"
            )
        );
        let many = r#"{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}"#;
        let said = of(many, "{}").unwrap();
        assert!(
            said.ends_with("d 1, at rank 0 absent; and 2 more"),
            "{said}"
        );
    }
}
