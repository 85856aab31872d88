//! What is refused of data sets: where they are, what is in them, and what is written in their
//! place.

use std::path::{Path, PathBuf};

use super::Error;
use super::fault::{Fault, Place, below, listed};

/// What says where data sets are.
const DATA_ROOT: &str = "give --data-root DIR or set LAWN_DATA";

impl Error {
    /// The task reads `data`, a data set or weights, and nothing says where they are.
    pub(crate) fn no_data_root(task: &str, data: &str) -> Self {
        let place = Place::key(format!("task `{task}`"));
        let fault = Fault::new(
            place,
            format!("reads `{data}`, and nothing says where it is"),
        );
        Self::NoDataRoot(Box::new(fault.advice(DATA_ROOT)))
    }

    /// The same of data that are not there, where a net is asked for, which needs no more than sizes
    /// that `options` state.
    pub(crate) fn or_stated(self, options: &[String]) -> Self {
        if options.is_empty() {
            return self;
        }
        let options = options.join(" and ");
        let stated = format!("without the data, {options} would do for the net");
        let more = |fault: Box<Fault>| {
            let advice = match &fault.advice {
                Some(advice) => format!("{advice}; {stated}"),
                None => stated.clone(),
            };
            Box::new(fault.advice(advice))
        };
        match self {
            Self::NoDataRoot(fault) => Self::NoDataRoot(more(fault)),
            Self::NoData(fault) => Self::NoData(more(fault)),
            // It is there, and something is wrong with it.
            error => error,
        }
    }

    /// Of the sizes of a task's data some are stated, and those of `options` are not.
    pub(crate) fn not_all_stated(task: &str, options: &[String]) -> Self {
        let place = Place::key(format!("task `{task}`"));
        let found = "is to be made without its data, and not all of their sizes are known";
        let advice = format!("give {}, too", options.join(" and "));
        Self::Option(Box::new(Fault::new(place, found).advice(advice)))
    }

    /// A verb asks for data sets, and nothing says where they are.
    pub(crate) fn no_data_root_given() -> Self {
        let found = "is not given, and LAWN_DATA is not set";
        let fault = Fault::new(Place::key("--data-root"), found);
        let advice = format!("{DATA_ROOT}, the folder that holds the data sets");
        Self::NoDataRoot(Box::new(fault.advice(advice)))
    }

    /// The data set of a task is not under `root`, or `is` another, which has `there` of its kind; it
    /// would be `expected`.
    pub(crate) fn no_data(
        task: &str,
        data: &str,
        root: &Path,
        expected: &str,
        is: Option<String>,
        there: &[String],
    ) -> Self {
        let root = root.display();
        let is = is.map_or_else(
            || format!("is not under {root}"),
            |is| format!("under {root} {is}"),
        );
        let found = format!("reads the data set `{data}`, which {is}: expected {expected}");
        let fault = Fault::new(Place::key(format!("task `{task}`")), found);
        Self::NoData(Box::new(match there {
            [] => fault.advice("no data set of its kind is there"),
            there => fault.allowed(there),
        }))
    }

    /// The run in `dir` was made with other files of what a task reads, a data set and weights.
    pub(crate) fn other_data(dir: &Path, task: &str, read: &str) -> Self {
        let found = format!("was made with other files of {read} (task `{task}`)");
        let fault = Fault::new(Place::file(dir), found);
        let advice = "put those back, or give --out another folder";
        Self::OtherData(Box::new(fault.advice(advice)))
    }

    /// The data set in `dir` was made of the sizes `there`, and `asked` are others; both as JSON.
    pub(crate) fn made_otherwise(dir: &Path, there: &str, asked: &str) -> Self {
        let sizes = [format!("there: {there}"), format!("asked: {asked}")];
        let found = format!("was made of other sizes{}", below(&sizes));
        let fault = Fault::new(Place::file(dir), found);
        let advice = "nothing is overwritten, give --out another folder";
        Self::MadeOtherwise(Box::new(fault.advice(advice)))
    }

    /// A size of generated data of `kind` that there is not, or with a value that is none of it.
    pub(crate) fn make_data(kind: &str, fault: Fault) -> Self {
        let place = Place::key(format!("--set of `{kind}` data"));
        Self::MakeData(Box::new(Fault { place, ..fault }))
    }

    /// None of `tasks` in `file` has images.
    pub(crate) fn nothing_to_show(file: PathBuf, tasks: &[String]) -> Self {
        let found = format!("no images to draw in task {}", listed(tasks));
        let fault = Fault::new(Place::file(file), found);
        Self::NotInSweep(Box::new(fault.allowed(["a task with images"])))
    }

    /// Files of an image folder that cannot be read, each with the reason; the folder is not packed,
    /// or what `verb` says is not done with it.
    pub(crate) fn bad_files(folder: PathBuf, files: u64, bad: &[String], verb: &str) -> Self {
        let count = bad.len();
        let found = format!(
            "{count} of {files} files cannot be read as images{}",
            below(bad)
        );
        let fault = Fault::new(Place::file(folder), found);
        let advice =
            format!("mend or remove them, or {verb} without them with --exclude-bad-files");
        Self::BadFiles(Box::new(fault.advice(advice)))
    }
}
