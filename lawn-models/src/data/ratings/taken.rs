//! What the columns of a file were taken for, as people are told it.

use super::places::Places;
use crate::data::text::shown;

/// Names that are listed of columns that are not read.
const LISTED: usize = 8;

/// What each column of a file was taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    has_header: bool,
    /// `user` and so on, with the name of the column or its number from 1.
    read: Vec<(&'static str, String)>,
    /// Names of columns that are not read.
    others: Vec<String>,
    /// `user` and `item`, where their ids are texts.
    texts: Vec<&'static str>,
}

impl Taken {
    /// Of columns with names, or of the fields of a first line without.
    pub(super) fn of<T: AsRef<[u8]>>(fields: &[T], has_header: bool, places: Places) -> Self {
        let Places {
            user,
            item,
            rating,
            time,
        } = places;
        let name = |place: usize| match has_header {
            true => quoted(fields[place].as_ref()),
            false => (place + 1).to_string(),
        };
        let places = [
            ("user", Some(user)),
            ("item", Some(item)),
            ("rating", rating),
            ("time", time),
        ];
        let is_read = |place: usize| places.iter().any(|&(_, read)| read == Some(place));
        Self {
            has_header,
            read: places
                .into_iter()
                .filter_map(|(what, place)| Some((what, name(place?))))
                .collect(),
            others: (0..fields.len())
                .filter(|&place| !is_read(place))
                .map(name)
                .collect(),
            texts: Vec::new(),
        }
    }

    /// With the columns whose ids are texts.
    pub(super) fn with_texts(self, texts: Vec<&'static str>) -> Self {
        Self { texts, ..self }
    }

    /// `user` and `item`, where their ids are texts.
    pub(super) fn texts(&self) -> &[&'static str] {
        &self.texts
    }

    /// Whether a column says what users thought of items.
    pub(crate) fn has_ratings(&self) -> bool {
        self.has("rating")
    }

    /// Whether a column says when.
    pub(crate) fn has_times(&self) -> bool {
        self.has("time")
    }

    fn has(&self, what: &str) -> bool {
        self.read.iter().any(|&(read, _)| read == what)
    }

    /// What is read as what, and what follows of a column that is not there.
    pub(crate) fn sentence(&self) -> String {
        let read: Vec<String> = self
            .read
            .iter()
            .enumerate()
            .map(|(place, (what, name))| match place {
                0 => format!("{what} is column {name}"),
                _ => format!("{what} {name}"),
            })
            .collect();
        let mut clauses = vec![read.join(", ")];
        if !self.has_header {
            clauses[0].insert_str(0, "the file has no header: ");
        }
        if !self.texts.is_empty() {
            let texts: Vec<String> = self.texts.iter().map(|what| format!("{what}s")).collect();
            clauses.push(format!(
                "ids of {} are texts: they are numbered from 0 in the order in which they first occur, and \
                 messages say these numbers",
                texts.join(" and ")
            ));
        }
        if !self.has("rating") {
            clauses.push("no column is a rating: each line is a positive".to_owned());
        }
        if !self.has("time") {
            clauses.push("no column is a time: later lines count as later".to_owned());
        }
        if !self.others.is_empty() {
            let listed = &self.others[..self.others.len().min(LISTED)];
            let more = match self.others.len() - listed.len() {
                0 => String::new(),
                more => format!(" and {more} others"),
            };
            let listed = listed.join(", ");
            clauses.push(format!(
                "not read: {listed}{more}; raw.columns says what a column is"
            ));
        }
        clauses.join("; ")
    }
}

/// The name of a column as messages show it.
pub(super) fn quoted(name: &[u8]) -> String {
    format!("\"{}\"", shown(name))
}
