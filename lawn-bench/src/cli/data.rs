use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::exit::Exit;
use super::output::print;
use super::values::{DataRoot, key_value};
use crate::{Error, doctor};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn data list --data-root ~/data
  lawn data make ncf --out ~/data/small --set users=500 --set items=400")]
pub(super) struct Data {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write a synthetic data set in the format of the real ones.
    Make {
        /// Kind of data set.
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(lawn_models::TaskConfig::KINDS))]
        kind: String,
        /// Folder to write it to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A size of it, as NAME=VALUE; any number of times. A wrong name is told what is allowed.
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = key_value)]
        set: Vec<(String, String)>,
    },
    /// List the data sets under the data root.
    List {
        #[command(flatten)]
        data: DataRoot,
    },
}

impl Data {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.what {
            What::Make { kind, out, set } => {
                make(&kind, &set, &out)?;
                print(&format!("made {}\n", out.display()));
            }
            What::List { data } => print(&doctor::data_sets(data.data_root.as_deref())),
        }
        Ok(Exit::Ok)
    }
}

/// Makes a synthetic data set. Sizes are JSON values, so that their type is that of the text.
fn make(kind: &str, sizes: &[(String, String)], out: &Path) -> Result<(), Error> {
    let mut options = serde_json::Map::from_iter([("kind".to_owned(), kind.into())]);
    for (name, value) in sizes {
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
        options.insert(name.clone(), value);
    }
    let what: lawn_models::MakeData =
        serde_json::from_value(options.into()).map_err(|error| Error::MakeData {
            kind: kind.to_owned(),
            detail: error.to_string(),
        })?;
    Ok(lawn_models::make_data(&what, out)?)
}
