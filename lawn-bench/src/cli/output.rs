//! What verbs share in speaking to standard output.

pub(super) use crate::process::streams::print;

/// A text of which no sign moves the terminal: names and cells of files may hold such.
pub(super) fn still(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

pub(super) fn print_report(report: &lawn_analysis::ReportFiles) -> Result<(), crate::Error> {
    let path = &report.summary;
    let summary = std::fs::read_to_string(path).map_err(crate::Error::io("read", path))?;
    print(&format!(
        "{}\n\nreport: {}\n",
        summary.trim_end(),
        report.html.display()
    ));
    Ok(())
}
