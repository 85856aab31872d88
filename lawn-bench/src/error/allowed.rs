//! The shape of a message about a value: what was found, then what is allowed.

use std::fmt::Display;

/// `allowed: A, B, C`.
pub(crate) fn allowed(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    format!("allowed: {}", values.join(", "))
}

/// `FOUND; allowed: A, B, C`.
pub(crate) fn refused(
    found: impl Display,
    values: impl IntoIterator<Item = impl Display>,
) -> String {
    format!("{found}; {}", allowed(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_comes_before_what_is_allowed() {
        let said = refused(format_args!("no batch size is {}", 7), [64, 128]);
        assert_eq!(said, "no batch size is 7; allowed: 64, 128");
    }
}
