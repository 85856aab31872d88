//! The kind of a file, by its bytes, since its name may be wrong.

use std::path::Path;

/// The kind of a file of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Parquet, whole or damaged.
    Parquet,
    /// Text, which is read as CSV.
    Text,
    /// JSON: objects, or one array of them.
    Json,
    /// A kind that is not read, in words.
    Other(&'static str),
}

/// The first bytes of what gzip compressed.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";

/// The first bytes of files of other kinds.
const BEGINNINGS: [(&[u8], &str); 14] = [
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\0", "compressed by xz"),
    (b"PK\x03\x04", "a zip archive, as .xlsx and .npz files are"),
    (b"\xd0\xcf\x11\xe0", "an .xls file"),
    (
        b"SQLite format 3\0",
        "an SQLite database, of which Optuna's `study.trials_dataframe().to_csv(FILE)` makes a table",
    ),
    (
        b":W&B",
        "wandb's own log; the page of a project exports the table of its runs as CSV",
    ),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80", "a pickle of Python"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"<", "a page of HTML or XML"),
];

/// What names of TensorBoard's files hold: their content has no mark at its beginning.
const EVENTS: &str = ".tfevents.";

/// The kind of a file of this content, under this name.
pub(super) fn of(name: &Path, bytes: &[u8]) -> Kind {
    if name.to_string_lossy().contains(EVENTS) {
        return Kind::Other(
            "events of TensorBoard, whose page saves the scalars of a run as CSV; of a run of lawn, \
             `lawn report DIR`",
        );
    }
    const MARK: &[u8] = b"PAR1";
    // A file that is damaged at one end is still recognized by the other.
    if bytes.starts_with(MARK) || bytes.ends_with(MARK) {
        return Kind::Parquet;
    }
    let other = BEGINNINGS
        .iter()
        .find(|(beginning, _)| bytes.starts_with(beginning));
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match other {
        None if text.trim_ascii_start().starts_with(b"{") => Kind::Json,
        None if text.trim_ascii_start().starts_with(b"[") => Kind::Json,
        Some((_, found)) => Kind::Other(found),
        None if bytes.contains(&0) => Kind::Other("neither text nor Parquet: it has NUL bytes"),
        None => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_bytes() {
        let of = |bytes: &[u8]| of(Path::new("results.csv"), bytes);
        assert_eq!(of(b"PAR1 cut"), Kind::Parquet);
        assert_eq!(of(b"XAR1 damaged PAR1"), Kind::Parquet);
        assert_eq!(of(b"task,arm\n"), Kind::Text);
        assert_eq!(of("\u{feff}task,arm\n".as_bytes()), Kind::Text);
        assert_eq!(of(b""), Kind::Text);
        assert_eq!(of(b"\xef\xbb\xbf{\"a\": 1}"), Kind::Json);
        assert_eq!(of(b"\n [{\"a\": 1}]"), Kind::Json);
        let events = Path::new("runs/events.out.tfevents.1714.host.1.0");
        assert!(
            matches!(super::of(events, b"\x18\0\0"), Kind::Other(said) if said.contains("CSV"))
        );
        assert!(matches!(of(b":W&B\0"), Kind::Other(said) if said.starts_with("wandb")));
        for bytes in [&b"\xfd7zXZ\0"[..], b"\xff\xfet\0", b"a\0b"] {
            assert!(matches!(of(bytes), Kind::Other(_)), "{bytes:?}");
        }
    }
}
