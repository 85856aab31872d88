//! Names of files and anchors: safe on every file system, and no two of a report alike.
//!
//! ```text
//! resnet-18, "loss"             resnet-18-loss
//! resnet-18 and ResNet_18       resnet-18-loss-5d0c3b1e and resnet-18-loss-b92f04aa
//! 数据 (no letter is left)      unnamed-loss-0e6a7c11
//! ```
//!
//! The digits are the beginning of the BLAKE3 hash of the names in full, so that they do not depend
//! on the order of the records.

use std::collections::HashMap;

use crate::text::slug;

/// Bytes of a name without its digits and extension. A temporary file of that name fits the 255
/// bytes of a file system, also where a program adds to it.
const LONGEST: usize = 72;
/// Digits of the hash; more where these do not tell names apart.
const DIGITS: [usize; 3] = [8, 16, 64];

/// What a file is of, in full, and its name as far as it is readable.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    parts: Vec<String>,
}

impl Identity {
    /// What is shown, and the names of what it is shown of.
    pub(crate) fn new<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = parts.into_iter().map(str::to_owned).collect();
        Self { parts }
    }

    /// A part of what is shown.
    pub(crate) fn with(&self, part: &str) -> Self {
        let mut parts = self.parts.clone();
        parts.push(part.to_owned());
        Self { parts }
    }

    /// Whether it is of these, or a part of it.
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

    /// Whether the stem says all that there is to say.
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
        // A slug is ASCII: every byte is a place to cut at.
        let cut = stem[..stem.len().min(LONGEST)].trim_end_matches('-');
        format!("{cut}-{}", &hash[..digits])
    }
}

/// A name for each, none of which is that of another one.
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
        // Where parts meet: a task and its question, a pair of arms.
        let met = names(&[&["a", "forest", "gap"], &["a-forest", "gap"]]);
        assert_ne!(met[0], met[1]);
        let met = names(&[&["t", "paired", "a-b", "c"], &["t", "paired", "a", "b-c"]]);
        assert_ne!(met[0], met[1]);
        // A name that is what another one's digits make of it.
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
