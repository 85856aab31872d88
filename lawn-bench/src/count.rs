//! Numbers of things in words.

/// `1 trial`, `2 trials`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The form of a verb that goes with so many things.
pub(crate) fn verb(number: usize, of_one: &'static str, of_several: &'static str) -> &'static str {
    match number {
        1 => of_one,
        _ => of_several,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        let said = |number| format!("{} {}", count(number, "trial"), verb(number, "is", "are"));
        assert_eq!(
            [said(0), said(1), said(2)],
            ["0 trials are", "1 trial is", "2 trials are"]
        );
    }
}
