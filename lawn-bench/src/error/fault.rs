//! The shape of an error about something that is written: where it stands, what was found there,
//! and what is allowed.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

/// Where something stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The file or folder, where it is in one.
    pub path: Option<PathBuf>,
    /// The line of the file, from 1.
    pub line: Option<usize>,
    /// The option, key or column whose value it is.
    pub key: Option<String>,
}

impl Place {
    /// A file or folder as a whole.
    pub(crate) fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// The value of an option or key.
    pub(crate) fn key(key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..Self::default()
        }
    }

    /// The value of `key` in this file.
    pub(crate) fn of(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// The file or folder, to be shown.
    pub(crate) fn path(&self) -> impl Display + '_ {
        let path = self.path.as_deref();
        path.unwrap_or(Path::new("")).display()
    }

    /// A line of this file, from 1.
    pub(crate) fn line(self, line: usize) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }
}

/// `FILE`, `FILE:LINE`, `KEY`, or `KEY in FILE`.
impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            f.write_str(key)?;
        }
        if let Some(path) = &self.path {
            let before = if self.key.is_some() { " in " } else { "" };
            write!(f, "{before}{}", path.display())?;
        }
        match self.line {
            Some(line) => write!(f, ":{line}"),
            None => Ok(()),
        }
    }
}

/// Something that is not as it should be.
///
/// ```text
/// PLACE: FOUND; allowed: A, B, C; ADVICE
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// What was found there.
    pub found: String,
    /// What would be right; empty where no list can say it.
    pub allowed: Vec<String>,
    /// What can be done about it, where more than that can be said.
    pub advice: Option<String>,
}

impl Fault {
    pub(crate) fn new(place: Place, found: impl Into<String>) -> Self {
        Self {
            place,
            found: found.into(),
            allowed: Vec::new(),
            advice: None,
        }
    }

    /// The same, where one of `values` would be right.
    pub(crate) fn allowed(self, values: impl IntoIterator<Item = impl Display>) -> Self {
        Self {
            allowed: values.into_iter().map(|value| value.to_string()).collect(),
            ..self
        }
    }

    /// The same, with what can be done about it.
    pub(crate) fn advice(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }

    /// All but the place.
    #[must_use]
    pub fn said(&self) -> String {
        let said = match self.allowed.is_empty() {
            true => self.found.clone(),
            false => refused(&self.found, &self.allowed),
        };
        match &self.advice {
            None => said,
            // Below a list it would be taken for the last entry's.
            Some(advice) if said.contains('\n') => format!("{said}\n{advice}"),
            Some(advice) => format!("{said}; {advice}"),
        }
    }

    /// The place as the subject of what was found: `PLACE FOUND; allowed: A, B, C; ADVICE`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} {}", self.place, self.said())
    }

    /// As [`Self::said`], with the line where it has one.
    #[must_use]
    pub fn said_of_the_file(&self) -> String {
        match self.place.line {
            Some(line) => format!("line {line}: {}", self.said()),
            None => self.said(),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.said())
    }
}

/// `allowed: A, B, C`.
pub(crate) fn allowed(values: impl IntoIterator<Item = impl Display>) -> String {
    format!("allowed: {}", listed(values))
}

/// `FOUND; allowed: A, B, C`.
pub(crate) fn refused(
    found: impl Display,
    values: impl IntoIterator<Item = impl Display>,
) -> String {
    format!("{found}; {}", allowed(values))
}

/// `A, B, C`, or `none`.
pub(crate) fn listed(values: impl IntoIterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    match values.is_empty() {
        true => "none".to_owned(),
        false => values.join(", "),
    }
}

/// The lines below a message, each on its own; nothing where there are none.
pub(super) fn below(lines: &[String]) -> String {
    let listed: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    match lines {
        [] => listed,
        _ => format!(":{listed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_what_was_found_and_what_is_allowed() {
        let fault = |place| Fault::new(place, "no batch size is 7");
        let file = || Place::file("a.json");
        for (place, said) in [
            (file(), "a.json"),
            (file().line(3), "a.json:3"),
            (Place::key("--batch-size"), "--batch-size"),
            (file().of("--task"), "--task in a.json"),
        ] {
            let plain = fault(place.clone());
            assert_eq!(plain.to_string(), format!("{said}: no batch size is 7"));
            let listed = fault(place).allowed([64, 128]);
            assert_eq!(
                listed.to_string(),
                format!("{said}: no batch size is 7; allowed: 64, 128")
            );
        }
    }

    #[test]
    fn advice_follows_what_is_allowed_and_stands_below_a_list() {
        let fault = |found: &str| Fault::new(Place::file("run"), found).advice("give another");
        let plain = fault("holds `x`").allowed(["an empty folder"]);
        assert_eq!(
            plain.sentence(),
            "run holds `x`; allowed: an empty folder; give another"
        );
        let lines = ["a: 1".to_owned(), "b: 2".to_owned()];
        let listed = fault(&format!("holds another plan{}", below(&lines)));
        assert_eq!(
            listed.sentence(),
            "run holds another plan:\n  a: 1\n  b: 2\ngive another"
        );
        assert_eq!(below(&[]), "");
    }
}
