//! Errors that name file, line, column, what was found and what is allowed.

use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A sweep file that cannot be used, and where and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rendered}")]
pub struct ConfigError {
    /// The file, as the user named it.
    pub origin: String,
    /// One-based line of the fault; 0 where the file could not be read.
    pub line: usize,
    /// One-based column of the fault, in characters.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
    rendered: String,
}

impl ConfigError {
    pub(super) fn read(path: &Path, error: &std::io::Error) -> Self {
        let origin = path.display().to_string();
        let message = format!("cannot read {origin}: {error}");
        Self {
            rendered: message.clone(),
            origin,
            line: 0,
            column: 0,
            message,
            help: None,
        }
    }
}

/// The text of a sweep and its name, from which errors are placed.
pub(super) struct Source<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Source<'a> {
    pub(super) fn new(origin: &'a str, text: &'a str) -> Self {
        Self { origin, text }
    }

    /// An error at `span`, in bytes of the text.
    pub(super) fn error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> ConfigError {
        let message = message.into();
        let start = span.start.min(self.text.len());
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConfigError {
            origin: self.origin.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            rendered: self.render(first_line(self.text, span), &message, help.as_deref()),
            message,
            help,
        }
    }

    /// An error of the TOML reader or of a `Deserialize` behind it; `fallback` is
    /// the place of the table where the error itself does not know one.
    pub(super) fn toml(&self, error: &toml::de::Error, fallback: Range<usize>) -> ConfigError {
        let message = error
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        let help = suggestion(&message);
        self.error(error.span().unwrap_or(fallback), message, help)
    }

    fn render(&self, span: Range<usize>, message: &str, help: Option<&str>) -> String {
        let snippet = Snippet::source(self.text)
            .path(self.origin)
            .annotation(AnnotationKind::Primary.span(span));
        let mut report = vec![Level::ERROR.primary_title(message).element(snippet)];
        if let Some(help) = help {
            report.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        Renderer::plain().render(&report)
    }
}

/// The part of `span` on its first line: the span of a table would print all of it.
fn first_line(text: &str, span: Range<usize>) -> Range<usize> {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let line = text[start..end]
        .find('\n')
        .map_or(end, |newline| start + newline);
    start..line
}

/// "did you mean" for the two errors of serde that list what is allowed.
fn suggestion(message: &str) -> Option<String> {
    let (found, allowed) = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?
        .split_once(',')?;
    let allowed: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
    nearest(found.trim_matches('`'), allowed)
}

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
