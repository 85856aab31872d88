//! Links that save a table.

use crate::figures::escape;
use crate::tables::Table;

/// The most bytes of a CSV that the page carries. A longer one is linked beside the page.
const MOST_CARRIED: usize = 200_000;

/// A link that saves the table as CSV, from the page itself or, for a long one, from the folder.
pub(super) fn download(table: &Table, folder: &str) -> String {
    let name = escape(&table.name);
    let csv = table.to_csv();
    if csv.len() > MOST_CARRIED {
        return format!(
            "<a class=\"no-print\" download=\"{name}.csv\" href=\"{folder}/{name}.csv\">\
             {folder}/{name}.csv</a>"
        );
    }
    let mut data = String::with_capacity(csv.len() + csv.len() / 4);
    for byte in csv.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.,".contains(&byte) {
            data.push(char::from(byte));
        } else {
            data.push_str(&format!("%{byte:02X}"));
        }
    }
    format!(
        "<a class=\"no-print\" download=\"{name}.csv\" href=\"data:text/csv;charset=utf-8,{data}\">\
         {name}.csv</a>"
    )
}
