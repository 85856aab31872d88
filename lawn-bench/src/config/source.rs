//! The text of a sweep, and errors placed in it.

use std::fmt::Display;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::error::{ConfigError, Shown, UnknownWord};

/// The text of a sweep and what was set over it, from which errors are placed.
///
/// The parts lie one behind the other in one range of positions: the text of part
/// i begins at `parts[i].start`, and no position belongs to two.
pub(super) struct Source<'a> {
    parts: Vec<Part<'a>>,
}

/// One text and its name.
struct Part<'a> {
    origin: &'a str,
    text: &'a str,
    start: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(origin: &'a str, text: &'a str) -> Self {
        let part = Part {
            origin,
            text,
            start: 0,
        };
        Self { parts: vec![part] }
    }

    /// Where the next part would begin.
    pub(super) fn end(&self) -> usize {
        self.parts
            .last()
            .map_or(0, |part| part.start + part.text.len() + 1)
    }

    /// Adds a part at [`Source::end`].
    pub(super) fn add(&mut self, origin: &'a str, text: &'a str) {
        let start = self.end();
        self.parts.push(Part {
            origin,
            text,
            start,
        });
    }

    /// An error at `span`, in bytes of all texts.
    pub(super) fn error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> ConfigError {
        self.refused(span, message, NOTHING, help)
    }

    /// An error at `span` where one of the values `allowed` would be right.
    pub(super) fn refused(
        &self,
        span: Range<usize>,
        found: impl Into<String>,
        allowed: impl IntoIterator<Item = impl Display>,
        help: Option<String>,
    ) -> ConfigError {
        let message = found.into();
        let allowed: Vec<String> = allowed.into_iter().map(|it| it.to_string()).collect();
        let mut parts = self.parts.iter().rev();
        let part = parts
            .find(|part| part.start <= span.start)
            .unwrap_or(&self.parts[0]);
        let (line, column) = part.place(part.at(span.start));
        ConfigError {
            origin: part.origin.to_owned(),
            line,
            column,
            shown: Box::new(Shown {
                text: render(
                    &title(&message, &allowed),
                    help.as_deref(),
                    [part.marked(&span, "")],
                ),
                span,
            }),
            message,
            allowed,
            help,
        }
    }

    /// Moves `error` from its place in the first text to part `number`, without which it would
    /// not be there.
    pub(super) fn blamed_on(&self, number: usize, error: ConfigError) -> ConfigError {
        let (file, part) = (&self.parts[0], &self.parts[number]);
        let span = part.start..part.start + part.text.len();
        let marked = [
            part.marked(&span, ""),
            file.marked(&error.shown.span, "this does not go with it"),
        ];
        let title = title(&error.message, &error.allowed);
        let text = render(&title, error.help.as_deref(), marked);
        let (line, column) = part.place(0);
        ConfigError {
            origin: part.origin.to_owned(),
            line,
            column,
            shown: Box::new(Shown { text, span }),
            ..error
        }
    }

    /// An error of the TOML reader or of a `Deserialize` behind it; `fallback` is
    /// the place of the table where the error itself does not know one.
    pub(super) fn toml(&self, error: &toml::de::Error, fallback: Range<usize>) -> ConfigError {
        self.toml_without(error, fallback, &[])
    }

    /// As [`Source::toml`]; the words `earlier` are read, and are offered to nobody.
    pub(super) fn toml_without(
        &self,
        error: &toml::de::Error,
        fallback: Range<usize>,
        earlier: &[&str],
    ) -> ConfigError {
        let first = error.message().lines().next().unwrap_or_default();
        let place = error.span().unwrap_or(fallback);
        match UnknownWord::of(first) {
            None => self.error(place, in_words(first), None),
            Some(word) => {
                let word = word.without(earlier);
                self.refused(place, word.said(), &word.allowed, suggestion(&word))
            }
        }
    }
}

impl Part<'_> {
    /// The place in this text nearest to a position, at a character's beginning; the end
    /// of the text is that of its last line.
    fn at(&self, position: usize) -> usize {
        let last = self.text.strip_suffix('\n').unwrap_or(self.text).len();
        let mut at = position.saturating_sub(self.start).min(last);
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    /// Line and column of a place, from 1, the column in characters.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    /// The text with a place marked, its first line only: a table may be the whole text.
    fn marked<'s>(&'s self, span: &Range<usize>, label: &'s str) -> Snippet<'s, Annotation<'s>> {
        let start = self.at(span.start);
        let end = self.at(span.end).max(start);
        let line = self.text[start..end]
            .find('\n')
            .map_or(end, |newline| start + newline);
        let kind = match label {
            "" => AnnotationKind::Primary,
            _ => AnnotationKind::Context,
        };
        let mark = kind.span(start..line);
        Snippet::source(self.text)
            .path(self.origin)
            .annotation(if label.is_empty() {
                mark
            } else {
                mark.label(label)
            })
    }
}

/// No list of values.
const NOTHING: [&str; 0] = [];

/// What was found, and what is allowed where that is listed.
fn title(found: &str, allowed: &[String]) -> String {
    match allowed {
        [] => found.to_owned(),
        allowed => crate::error::refused(found, allowed),
    }
}

/// A message with the places that it is about.
fn render<'s>(
    message: &'s str,
    help: Option<&'s str>,
    marked: impl IntoIterator<Item = Snippet<'s, Annotation<'s>>>,
) -> String {
    let title = Level::ERROR.primary_title(message);
    let mut report = vec![title.elements(marked)];
    if let Some(help) = help {
        report.push(Group::with_title(Level::HELP.secondary_title(help)));
    }
    Renderer::plain().render(&report)
}

/// What a type is called by those who write sweeps.
const TYPES: [(&str, &str); 12] = [
    ("u64", "a whole number of 0 or more"),
    ("u32", "a whole number of 0 or more"),
    ("usize", "a whole number of 0 or more"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("a string", "text in quotes"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("a map", "a table"),
    ("string or table", "text in quotes"),
    ("nonzero", "a number other than 0"),
    ("struct", "a table"),
];

/// The message with the types of this program in words.
fn in_words(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    if !message.starts_with("invalid ") {
        return message.to_owned();
    }
    let named = TYPES
        .iter()
        .find(|(name, _)| expected == *name || expected.starts_with(&format!("{name} ")));
    let expected = named.map_or(expected, |(_, words)| words);
    // A value that nobody wrote was drawn.
    let drawn = match found.contains("floating point") && expected.starts_with("a whole number") {
        true => "; a range draws whole numbers with scale = \"integer\"",
        false => "",
    };
    format!("{found}, expected {expected}{drawn}")
}

/// The word that was meant, where one is near.
fn suggestion(word: &UnknownWord<'_>) -> Option<String> {
    if let Some(depth) = cifar_depth(word.found)
        && word.allowed.contains(&CIFAR)
    {
        return Some(format!("did you mean `{CIFAR}` with `depth = {depth}`?"));
    }
    let mut synonyms = SYNONYMS.iter();
    let meant =
        synonyms.find(|(other, meant)| *other == word.found && word.allowed.contains(meant));
    match meant {
        Some((_, meant)) => Some(format!("did you mean `{meant}`?")),
        None => nearest(word.found, word.allowed.iter().copied()),
    }
}

/// The net whose depth is a setting of its own.
const CIFAR: &str = "resnet_cifar";

/// The depth in a name that papers have for a residual network for small pictures: `resnet20`,
/// `resnet56`. Those for photographs have other depths, and are near in spelling alone.
fn cifar_depth(name: &str) -> Option<u32> {
    let depth: u32 = name.strip_prefix("resnet")?.parse().ok()?;
    (depth >= 8 && depth % 6 == 2).then_some(depth)
}

/// Words of other programs whose nearest word here would be the wrong one.
const SYNONYMS: [(&str, &str); 10] = [
    ("gpu", "cuda"),
    ("lr", "learning_rate"),
    ("wd", "weight_decay"),
    ("warmup_steps", "warmup"),
    ("warmup_ratio", "warmup"),
    ("lr_decay", "decay"),
    ("lr_scheduler", "decay"),
    ("scheduler", "decay"),
    ("eps", "epsilon"),
    ("schedulefree", "schedule_free"),
];

/// "did you mean `x`?" with the candidate nearest to `found`, if one is near.
pub(super) fn nearest<'c>(
    found: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(found, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_depth_of_a_residual_network_for_small_pictures_is_no_net_for_photographs() {
        let suggested = |found: &str, allowed: &[&str]| {
            suggestion(&UnknownWord {
                what: "variant",
                found,
                allowed: allowed.to_vec(),
            })
        };
        let nets = ["resnet18", "resnet50", "resnet101", "resnet_cifar"];
        for depth in [20, 32, 44, 56, 110] {
            let name = format!("resnet{depth}");
            let said = suggested(&name, &nets);
            let meant = format!("did you mean `resnet_cifar` with `depth = {depth}`?");
            assert_eq!(said, Some(meant));
        }
        let near = suggested("resnet51", &nets);
        assert_eq!(near.as_deref(), Some("did you mean `resnet50`?"));
        let other = suggested("resnet20", &["resnet50"]);
        assert_eq!(other.as_deref(), Some("did you mean `resnet50`?"));
    }
}
