//! What serde says of a word that it does not know.

/// A key or value that no type has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnknownWord<'m> {
    /// `field`, or `variant`: a key, or a value.
    pub(crate) what: &'m str,
    /// The word.
    pub(crate) found: &'m str,
    /// The words that are known.
    pub(crate) allowed: Vec<&'m str>,
}

impl<'m> UnknownWord<'m> {
    /// Takes ``unknown field `x`, expected one of `a`, `b` `` apart; none where the message is
    /// another.
    pub(crate) fn of(message: &'m str) -> Option<Self> {
        let (what, rest) = message.strip_prefix("unknown ")?.split_once(' ')?;
        if !["field", "variant"].contains(&what) {
            return None;
        }
        let (found, expected) = rest.split_once(", ")?;
        Some(Self {
            what,
            found: found.trim_matches('`'),
            allowed: expected.split('`').skip(1).step_by(2).collect(),
        })
    }

    /// The same without the words that are read for earlier files only.
    pub(crate) fn without(mut self, earlier: &[&str]) -> Self {
        self.allowed.retain(|word| !earlier.contains(word));
        self
    }

    /// ``unknown field `x` ``.
    pub(crate) fn said(&self) -> String {
        format!("unknown {} `{}`", self.what, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "lowercase")]
    struct Table {
        #[serde(default, alias = "earlier")]
        #[allow(dead_code, reason = "it is read, and that is all")]
        now: u32,
    }

    #[test]
    fn words_are_taken_out_of_what_serde_says() {
        let said = |text: &str| serde_json::from_str::<Table>(text).unwrap_err().to_string();
        let message = said(r#"{ "nwo": 3 }"#);
        let word = UnknownWord::of(&message).expect("it is unknown");
        assert_eq!((word.what, word.found), ("field", "nwo"));
        assert_eq!(word.allowed, ["earlier", "now"]);
        let word = word.without(&["earlier"]);
        assert_eq!(word.allowed, ["now"]);
        assert_eq!(word.said(), "unknown field `nwo`");
        assert_eq!(UnknownWord::of(&said(r#"{ "now": "x" }"#)), None);
    }
}
