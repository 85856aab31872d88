//! Names that hold values: `metric_seed{seed}`, `run-{arm}_b{batch_size}.csv`.

use super::texts::{is_result, type_of};

/// A placeholder for any text that is not read.
const ANYTHING: &str = "_";

/// Columns of integers, of which a name holds the digits.
const INTEGER: &str = "an integer";

/// A name with columns of results in braces. `{_}` stands for any text, `{{` and `}}` for braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Column { name: String, is_integer: bool },
}

/// A name that a pattern fits in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous {
    pub(super) one: String,
    pub(super) other: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it, and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some(brace) = ["{{", "}}"].into_iter().find(|two| rest.starts_with(two)) {
                push_text(&mut parts, &brace[..1]);
                rest = &rest[2..];
            } else if first == '{' {
                let (name, after) = rest[1..]
                    .split_once('}')
                    .ok_or_else(|| format!("`{text}` has a brace that does not end"))?;
                if matches!(parts.last(), Some(Part::Column { .. })) {
                    return Err(format!(
                        "`{text}` has two placeholders with nothing between"
                    ));
                }
                let same =
                    |part: &Part| matches!(part, Part::Column { name: other, .. } if other == name);
                if name != ANYTHING && parts.iter().any(same) {
                    return Err(format!("`{text}` has `{{{name}}}` twice"));
                }
                if name != ANYTHING && !is_result(name) {
                    return Err(format!(
                        "`{{{name}}}` is no column of results; allowed: {{task}}, {{arm}}, \
                         {{batch_size}}, {{seed}} and other columns of results, and {{_}} for any \
                         text"
                    ));
                }
                parts.push(Part::Column {
                    name: name.to_owned(),
                    is_integer: type_of(name) == Some(INTEGER),
                });
                rest = after;
            } else {
                let length = first.len_utf8();
                push_text(&mut parts, &rest[..length]);
                rest = &rest[length..];
            }
        }
        if !parts.iter().any(|part| matches!(part, Part::Column { .. })) {
            return Err(format!("`{text}` has no placeholder, such as {{seed}}"));
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The columns that it reads, in order.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column { name, .. } if name != ANYTHING => Some(name.as_str()),
            _ => None,
        })
    }

    /// What names of the pattern are about: the longest text between placeholders, without the word
    /// `seed` at its end.
    pub(super) fn subject(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.trim_matches(|c: char| !c.is_alphanumeric())),
            Part::Column { .. } => None,
        });
        let longest = texts.max_by_key(|text| text.len()).unwrap_or_default();
        let subject = longest.strip_suffix("seed").unwrap_or(longest);
        subject
            .trim_end_matches(|c: char| !c.is_alphanumeric())
            .to_owned()
    }

    /// What `name` holds for [`Self::columns`]; none where the pattern does not fit.
    ///
    /// # Errors
    /// Where it fits in two ways that read different values.
    pub(super) fn values(&self, name: &str) -> Result<Option<Vec<String>>, Ambiguous> {
        let mut found = Vec::new();
        fit(&self.parts, name, &mut Vec::new(), &mut found);
        match &found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            [one, other, ..] => Err(Ambiguous {
                one: self.said(one),
                other: self.said(other),
            }),
        }
    }

    fn said(&self, values: &[String]) -> String {
        let pairs = self.columns().zip(values);
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name} `{value}`"))
            .collect();
        pairs.join(", ")
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// Adds to `found` the values of every way in which the parts make up the text, until two differ.
fn fit(parts: &[Part], text: &str, values: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let Some((part, rest)) = parts.split_first() else {
        if text.is_empty() && !found.contains(values) {
            found.push(values.clone());
        }
        return;
    };
    match part {
        Part::Text(expected) => {
            if let Some(text) = text.strip_prefix(expected.as_str()) {
                fit(rest, text, values, found);
            }
        }
        Part::Column { name, is_integer } => {
            for (start, letter) in text.char_indices() {
                if found.len() > 1 || (*is_integer && !letter.is_ascii_digit()) {
                    return;
                }
                let end = start + letter.len_utf8();
                let is_read = name != ANYTHING;
                if is_read {
                    values.push(text[..end].to_owned());
                }
                fit(rest, &text[end..], values, found);
                if is_read {
                    values.pop();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pattern: &str, name: &str) -> Option<Vec<String>> {
        Pattern::parse(pattern).unwrap().values(name).unwrap()
    }

    #[test]
    fn a_name_gives_the_values_that_its_pattern_names() {
        let found = values(
            "run-{arm}_b{batch_size}_s{seed}-tag-{_}.csv",
            "run-adam-lawn_b4096_s12-tag-test_accuracy.csv",
        );
        assert_eq!(found.unwrap(), ["adam-lawn", "4096", "12"]);
        assert_eq!(values("seed{seed}", "seed7").unwrap(), ["7"]);
        assert_eq!(values("{{{arm}}}", "{адам}").unwrap(), ["адам"]);
        for name in ["seed", "seedx", "seed7x", "xseed7", "seed-7"] {
            assert_eq!(values("seed{seed}", name), None, "{name}");
        }
    }

    #[test]
    fn a_pattern_is_about_its_longest_text() {
        for (pattern, subject) in [
            ("val_loss_seed{seed}", "val_loss"),
            ("{arm}-b{batch_size}-s{seed} - test/acc", "test/acc"),
            ("seed{seed}", ""),
            ("{seed}", ""),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().subject(), subject);
        }
    }

    #[test]
    fn a_name_that_fits_in_two_ways_is_not_guessed() {
        let pattern = Pattern::parse("{task}_{arm}").unwrap();
        let error = pattern.values("a_b_c").unwrap_err();
        assert_eq!(
            (error.one.as_str(), error.other.as_str()),
            ("task `a`, arm `b_c`", "task `a_b`, arm `c`")
        );
        // What is not read makes no difference.
        assert_eq!(values("{_}-s{seed}", "a-s-s3").unwrap(), ["3"]);
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (text, expected) in [
            (
                "seed{sed}",
                "`{sed}` is no column of results; allowed: {task}",
            ),
            ("seed{seed", "a brace that does not end"),
            ("{task}{seed}", "two placeholders with nothing between"),
            ("{seed}-{seed}", "`{seed}` twice"),
            ("seed", "no placeholder, such as {seed}"),
            ("", "no placeholder"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
