//! Names of files and anchors: safe on every file system, and distinct within a report.
//!
//! ```text
//! resnet-18, "loss"             resnet-18-loss
//! resnet-18 and ResNet_18       resnet-18-loss-5d0c3b1e and resnet-18-loss-b92f04aa
//! 数据 (no letter is left)      unnamed-loss-0e6a7c11
//! ```
//!
//! The digits are the first ones of the BLAKE3 hash of the full names. They do not depend on the
//! order of the records.

use std::collections::HashMap;

use crate::text::slug;

/// The most bytes of a name without its digits and extension. A temporary file of that name still
/// fits the 255 bytes that file systems allow, also where a program adds to it.
const LONGEST: usize = 72;
/// Digits of the hash. More are taken where fewer do not tell names apart.
const DIGITS: [usize; 3] = [8, 16, 64];

/// What a file shows, by its full names, and a readable short form of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    parts: Vec<String>,
}

impl Identity {
    /// The identity of what is shown, followed by the names of what it is shown of.
    pub(crate) fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = parts.into_iter().map(str::to_owned).collect();
        Self { parts }
    }

    /// The identity of a part of what is shown.
    pub(crate) fn with(&self, part: &str) -> Self {
        let mut parts = self.parts.clone();
        parts.push(part.to_owned());
        Self { parts }
    }

    /// Whether it is the identity of these, or of a part of them.
    pub(crate) fn begins_with(&self, parts: &[&str]) -> bool {
        self.parts.len() >= parts.len() && self.parts.iter().zip(parts).all(|(a, b)| a == b)
    }

    /// Which part of a drawing it is, where it has parts.
    pub(crate) fn part(&self) -> Option<&str> {
        let last = self.parts.last()?;
        last.starts_with("part ").then_some(last)
    }

    /// The name without digits.
    pub(crate) fn stem(&self) -> String {
        let slugs: Vec<String> = self.parts.iter().map(|part| slug(part)).collect();
        slugs.join("-")
    }

    /// Whether the stem holds the full names.
    fn is_whole(&self) -> bool {
        let lost = |c: char| c.is_alphanumeric() && !c.is_ascii();
        self.stem().len() <= LONGEST && !self.parts.iter().any(|part| part.contains(lost))
    }

    /// The stem with some digits of the hash.
    fn hashed(&self, digits: usize) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in &self.parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hash = hasher.finalize().to_hex();
        let stem = self.stem();
        // A slug is ASCII, so it can be cut at any byte.
        let cut = stem[..stem.len().min(LONGEST)].trim_end_matches('-');
        format!("{cut}-{}", &hash[..digits])
    }
}

/// A name for each identity. No two different identities get the same name.
///
/// Equal identities get equal names: they are the same thing.
pub(crate) fn apart(identities: &[Identity]) -> Vec<String> {
    let plain = |identity: &Identity| match identity.is_whole() {
        true => identity.stem(),
        false => identity.hashed(DIGITS[0]),
    };
    let mut names: Vec<String> = identities.iter().map(plain).collect();
    for digits in DIGITS {
        let mut owners: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            owners.entry(name).or_default().push(index);
        }
        let shared: Vec<usize> = owners
            .into_values()
            .filter(|of| of.iter().any(|i| identities[*i] != identities[of[0]]))
            .flatten()
            .collect();
        for index in shared {
            names[index] = identities[index].hashed(digits);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &[&[&str]]) -> Vec<String> {
        let of = |parts: &&[&str]| Identity::new(parts.iter().copied());
        apart(&parts.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn names_of_one_slug_stay_apart_in_any_order() {
        let one = names(&[&["resnet-18", "gap"], &["ResNet_18", "gap"], &["t", "gap"]]);
        assert_eq!(one[2], "t-gap");
        assert!(
            one[0] != one[1] && one[0].starts_with("resnet-18-gap-"),
            "{one:?}"
        );
        let other = names(&[&["ResNet_18", "gap"], &["resnet-18", "gap"]]);
        assert_eq!([&one[0], &one[1]], [&other[1], &other[0]]);
        // Names of several parts that meet: a task with its question, and a pair of arms.
        let met = names(&[&["a", "forest", "gap"], &["a-forest", "gap"]]);
        assert_ne!(met[0], met[1]);
        let met = names(&[&["t", "paired", "a-b", "c"], &["t", "paired", "a", "b-c"]]);
        assert_ne!(met[0], met[1]);
        // A name that looks like another one with its digits.
        let made = names(&[&["a", "b"], &["a_b"]]);
        let three = names(&[&["a", "b"], &["a_b"], &[&made[0]]]);
        assert!(three[0] != three[1] && three[1] != three[2] && three[0] != three[2]);
    }

    #[test]
    fn names_are_safe_and_short_whatever_they_are_of() {
        let long = "x".repeat(400);
        let all = names(&[
            &["数据", "gap"],
            &["模型", "gap"],
            &[&long, "gap"],
            &["../../etc/passwd", "gap"],
            &["a\u{1b}[2J\nb", "gap"],
            &["", "gap"],
        ]);
        let mut known = all.clone();
        known.sort();
        known.dedup();
        assert_eq!(known.len(), all.len(), "{all:?}");
        for name in &all {
            assert!(name.len() <= LONGEST + 9, "{name}");
            assert!(
                name.bytes()
                    .all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{name}"
            );
        }
        assert!(all[0].starts_with("unnamed-gap-"), "{all:?}");
    }
}
