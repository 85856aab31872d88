use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Subcommand};

use super::data_check::Check;
use super::data_images::{Pack, Show};
use super::data_list::listed;
use super::output::{print, to_json};
use super::values::{DataRoot, key_value};
use crate::Exit;
use crate::cli::doctor::findings;
use crate::config;
use crate::data::fetch::{self, Catalogue, Fetch, FetchError, Patience, Source};
use crate::data::make::{self, Origin};
use crate::error::{Error, Fault, Place, UnknownWord};
use crate::process::stop;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lawn data get ml-1m --data-root ~/data
  lawn data list --data-root ~/data
  lawn data list --data-root ~/data --json | jq '.[].name'
  lawn data check cifar-10 ml-1m --data-root ~/data
  lawn data check imagenet --data-root ~/data --set transform.size=224
  lawn data pack ~/data/imagenet --out /fast/data/imagenet
  lawn data show sweep.toml --data-root ~/data --out sheet.png
  lawn data make ncf --out ~/data/small --set users=500 --set items=400")]
pub(super) struct Data {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Get public data sets from their publishers, or from a mirror, into the data root.
    ///
    /// A call that was stopped or killed is gone on with by the same call. Files that are there
    /// are checked and left as they are.
    #[command(after_help = get_help())]
    Get(Get),
    /// Write a generated data set in the format of the real ones.
    ///
    /// Nothing is overwritten: DIR is new or empty, or holds the same data set, made before.
    #[command(after_help = make_help())]
    Make {
        /// Kind of data set.
        #[arg(value_parser = PossibleValuesParser::new(kinds()))]
        kind: String,
        /// Folder to write it to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A size of it, as NAME=VALUE; any number of times. Those of each kind are listed below.
        #[arg(long = "set", value_name = "NAME=VALUE", value_parser = key_value)]
        set: Vec<(String, String)>,
    },
    /// Read all of a data set, and say what is in it and what cannot be read.
    ///
    /// Of image folders and packs every file is looked into: whether it can be read, what is passed
    /// over, what is there twice. All is read and split as a task with the keys of --set does it, or
    /// without further keys, weights that it begins with included. A sweep does and says the same
    /// before its first trial. What is found of a file of images is kept in the user's cache, and what clicks are
    /// converted to where sweeps look for it. Exit code 2 where a sweep would be refused.
    Check(Check),
    /// Pack an image folder into few large files, which a task reads in its place.
    ///
    /// DIR is new or empty, and gets the pack whole.
    Pack(Pack),
    /// Draw images as a task gives them to its network, augmented, as a PNG file.
    Show(Show),
    /// List the data sets under the data root, without looking into every file: `check` does.
    List {
        #[command(flatten)]
        data: DataRoot,
        /// Print JSON: a list of folders, each with its set or why it is none.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Get {
    /// Data sets, by name.
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    data: DataRoot,
    /// A place tried before the publisher's: an address or a folder that holds the files as
    /// NAME/FILE or as FILE; any number of times.
    #[arg(long = "mirror", value_name = "URL-OR-DIR")]
    mirrors: Vec<String>,
    /// A catalogue of further data sets, of the form that the README shows.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Print an event a line, as JSON.
    #[arg(long)]
    json: bool,
}

/// Each kind of data set with what it is for.
fn kinds() -> impl Iterator<Item = PossibleValue> {
    let kinds = lawn_models::KINDS.iter();
    kinds.map(|kind| PossibleValue::new(kind.name).help(kind.about))
}

/// The sizes of each kind with their defaults.
fn make_help() -> String {
    let of_kind = |kind: &lawn_models::KindEntry| {
        let sizes = config::sizes(kind);
        let size = |size: &config::Size| format!("{}={}", size.name, size.default);
        let width = sizes.iter().map(|one| size(one).len()).max().unwrap_or(0);
        let line = |one: &config::Size| format!("  {:width$}  {}\n", size(one), one.about);
        let lines: String = sizes.iter().map(line).collect();
        format!("Sizes of {} and their defaults:\n{lines}\n", kind.name)
    };
    let kinds: String = lawn_models::KINDS.iter().map(of_kind).collect();
    format!("{kinds}Example: lawn data make ncf --out ~/data/small --set users=500 --set items=400")
}

fn get_help() -> String {
    format!(
        "Data sets:\n{}\nExamples:\n{}",
        Catalogue::built_in().describe(),
        "  lawn data get ml-1m --data-root ~/data
  lawn data get ml-1m pinterest-20 --data-root ~/data --mirror /mnt/share/data
  lawn data get mine --data-root ~/data --catalogue mine.toml"
    )
}

impl Get {
    fn run(self) -> Result<Exit, Error> {
        let mut catalogue = Catalogue::built_in();
        if let Some(path) = &self.catalogue {
            catalogue.add(path)?;
        }
        // All that was asked for is looked at before anything is got.
        let asked = self
            .names
            .iter()
            .map(|name| Ok((name, catalogue.set(name)?)))
            .collect::<Result<Vec<_>, FetchError>>()?;
        let mirrors = self.mirrors.iter().map(|text| Source::parse(text));
        let fetch = Fetch {
            mirrors: mirrors.collect::<Result<_, _>>()?,
            root: self
                .data
                .folder()
                .ok_or_else(Error::no_data_root_given)?
                .into(),
            patience: Patience::default(),
        };
        stop::exit_on_signals()?;
        let mut view = match self.json {
            true => fetch::events(),
            false => fetch::people(),
        };
        for (name, set) in asked {
            let got = fetch.get(name, set, view.as_mut())?;
            if !self.json {
                let counts = got.counts.iter();
                let counts: Vec<String> = counts
                    .map(|(what, count)| format!("{count} {what}"))
                    .collect();
                print(&format!(
                    "{name} is in {}: {}\n",
                    got.folder.display(),
                    counts.join(", ")
                ));
            }
        }
        Ok(Exit::Ok)
    }
}

impl Data {
    pub(super) fn run(self) -> Result<Exit, Error> {
        match self.what {
            What::Get(get) => return get.run(),
            What::Check(check) => return check.run(),
            What::Pack(pack) => return pack.run(),
            What::Show(show) => return show.run(),
            What::Make { kind, out, set } => {
                let said = match make::make(&asked(&kind, &set)?, &out)? {
                    Origin::New => "made",
                    Origin::Before => "was there, of the same sizes:",
                };
                print(&format!("{said} {}\n", out.display()));
            }
            What::List { data, json } => {
                let root = data.folder().ok_or_else(Error::no_data_root_given)?;
                print(&match json {
                    true => to_json(&listed(root)?),
                    false => findings::data_sets(root)?,
                });
            }
        }
        Ok(Exit::Ok)
    }
}

/// The generated data set asked for. Sizes are JSON values, so that their type is that of the
/// text.
fn asked(kind: &str, sizes: &[(String, String)]) -> Result<lawn_models::MakeData, Error> {
    let mut options = serde_json::Map::from_iter([("kind".to_owned(), kind.into())]);
    for (name, value) in sizes {
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
        options.insert(name.clone(), value);
    }
    serde_json::from_value(options.into()).map_err(|error| {
        let said = error.to_string();
        let fault = match UnknownWord::of(&said) {
            Some(word) => Fault::new(Place::key("--set"), word.said()).allowed(&word.allowed),
            None => Fault::new(Place::key("--set"), said),
        };
        Error::make_data(kind, fault)
    })
}
