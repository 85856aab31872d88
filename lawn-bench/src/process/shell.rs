//! Commands that a user can paste into a shell as they are printed.

use std::ffi::OsStr;
use std::path::Path;

/// The words as a line of a POSIX shell; each that needs it is in quotes.
pub(crate) fn line<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<String> = words
        .into_iter()
        .map(|word| quoted(word.as_ref()))
        .collect();
    words.join(" ")
}

/// `lawn VERB PATH`. A path that begins with `-` is no option.
pub(crate) fn lawn(verb: &str, path: &Path) -> String {
    line([
        OsStr::new("lawn"),
        OsStr::new(verb),
        operand(path).as_os_str(),
    ])
}

/// The path as an operand: one that looks like an option is given its folder.
pub(crate) fn operand(path: &Path) -> std::path::PathBuf {
    match path.as_os_str().as_encoded_bytes().first() {
        Some(b'-') => Path::new(".").join(path),
        _ => path.to_owned(),
    }
}

fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_each_word_as_it_is() {
        let words = [
            "plain-1.2/x=y",
            "",
            "a b",
            "it's",
            "$HOME",
            "`x`",
            "a;b",
            "ü",
            "-o",
            "~",
        ];
        let line = line(words);
        let script = format!("printf '%s\\n' {line}");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        let output = output.expect("there is a shell");
        let read = String::from_utf8(output.stdout).expect("it is text");
        assert_eq!(read.lines().collect::<Vec<_>>(), words);
        assert_eq!(lawn("sweep", Path::new("-x")), "lawn sweep ./-x");
    }
}
