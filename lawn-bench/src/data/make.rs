//! `lawn data make`: a data set is written whole beside its place, and then renamed into it.

use std::path::Path;

use lawn_models::MakeData;
use serde::{Deserialize, Serialize};

use super::beside::Beside;
use crate::Error;
use crate::run::{document, files};

/// The file of a data set that says that it was made, and of what sizes.
const MARK: &str = ".made-by-lawn.json";

/// Schema of that file.
const SCHEMA: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Mark {
    made: MakeData,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is there now.
    New,
    /// It was there already, of the same sizes.
    Before,
}

/// Makes the data set `what` in the folder `out`, whose name becomes its name.
///
/// Nothing that is there is written to: the folder is new or empty, or holds the same data
/// set, made before.
///
/// # Errors
///
/// [`Error::NotOurs`] and [`Error::MadeOtherwise`] where something else is there,
/// [`Error::NotAFile`] for a link, [`Error::Data`], [`Error::Io`].
pub fn make(what: &MakeData, out: &Path) -> Result<Origin, Error> {
    let out = &std::path::absolute(out).map_err(Error::io("find", out))?;
    if std::fs::symlink_metadata(out).is_ok_and(|place| place.is_symlink()) {
        return Err(Error::not_a_file(out, "a link"));
    }
    if let Some(found) = files::entry_of(out)? {
        return before(what, out, found);
    }
    let parent = out.parent().unwrap_or(out);
    std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    let beside = Beside::new(parent, ".lawn-make-")?;
    let new = beside.path(out);
    lawn_models::make_data(what, &new)?;
    let mark = Mark { made: what.clone() };
    document::write(&new.join(MARK), SCHEMA, &mark)?;
    // A folder takes the place of an empty one, and of no other.
    std::fs::rename(&new, out).map_err(Error::io("write", out))?;
    files::flush(parent)?;
    Ok(Origin::New)
}

/// Whether what is in `out` is `what`, made before.
fn before(what: &MakeData, out: &Path, found: String) -> Result<Origin, Error> {
    let mark = out.join(MARK);
    if !mark.exists() {
        return Err(Error::not_ours(out, &found, "data set"));
    }
    let there: Mark = document::read(&mark, 1..=SCHEMA)?;
    if there.made == *what {
        return Ok(Origin::Before);
    }
    let sizes = |made: &MakeData| serde_json::to_string(made).unwrap_or_default();
    let (there, asked) = (sizes(&there.made), sizes(what));
    Err(Error::made_otherwise(out, &there, &asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(users: u32) -> MakeData {
        MakeData::Ncf(lawn_models::GeneratedRatings {
            users,
            items: 220,
            interactions: 10,
            ..lawn_models::GeneratedRatings::default()
        })
    }

    #[test]
    fn what_is_there_is_never_written_to() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("root/ml-1m");
        assert_eq!(make(&sizes(60), &out).expect("it is new"), Origin::New);
        assert_eq!(
            make(&sizes(60), &out).expect("it is the same"),
            Origin::Before
        );
        let error = make(&sizes(61), &out)
            .expect_err("it is another")
            .to_string();
        for part in ["\"users\":60", "\"users\":61", "nothing is overwritten"] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
        let real = folder.path().join("real");
        std::fs::create_dir(&real).expect("a folder");
        std::fs::write(real.join("real.train.rating"), "0\t0\t1\t0\n").expect("there is room");
        let error = make(&sizes(60), &real).expect_err("it is not ours");
        assert!(matches!(error, Error::NotOurs { .. }), "{error}");
        assert_eq!(std::fs::read_dir(&real).expect("it is there").count(), 1);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &link).expect("a link");
        let error = make(&sizes(60), &link).expect_err("it is a link");
        assert!(matches!(error, Error::NotAFile { .. }), "{error}");
        assert!(!folder.path().join("elsewhere").exists());
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty).expect("a folder");
        assert_eq!(make(&sizes(60), &empty).expect("it is empty"), Origin::New);
        let beside = std::fs::read_dir(folder.path())
            .expect("it is there")
            .flatten();
        assert!(
            beside
                .into_iter()
                .all(|entry| !files::name(&entry.path()).starts_with(".lawn"))
        );
    }
}
