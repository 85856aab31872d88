//! `lawn data pack` and `show`: what is done with image data sets alone.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lawn_models::{BadFiles, Encoding};

use super::output::print;
use super::values::{DataRoot, Sets};
use crate::data::{pack, scan};
use crate::error::{Fault, Place};
use crate::process::stop;
use crate::report::render;
use crate::run::files;
use crate::{Error, Exit, data};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum How {
    /// The bytes of each file.
    AsIs,
    /// JPEG of a smaller size: other images, less to read and to decode.
    Jpeg,
    /// Red, green and blue of each pixel: the same images, nothing to decode, about six times the room.
    Raw,
}

#[derive(Debug, Args)]
pub(super) struct Pack {
    /// The image folder, which holds train and test or val.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    /// Folder to write the pack to; its name becomes the data set's name.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How images are stored.
    #[arg(long = "as", value_enum, default_value = "as-is")]
    how: How,
    /// Length of the shorter side of images, at most; with `--as jpeg` only [default: 500].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=8192))]
    shorter_side: Option<u32>,
    /// Quality; with `--as jpeg` only [default: 90].
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// Turn images as their EXIF tags say; with `--as jpeg` and `--as raw` only.
    #[arg(long)]
    exif_orientation: bool,
    /// Leave out files that cannot be read, in place of naming them and packing nothing.
    #[arg(long)]
    exclude_bad_files: bool,
}

impl Pack {
    /// Refuses options that would do nothing.
    fn require_used(&self) -> Result<(), Error> {
        let (how, is_jpeg, is_as_is) = match self.how {
            How::AsIs => ("as-is", false, true),
            How::Jpeg => ("jpeg", true, false),
            How::Raw => ("raw", false, false),
        };
        for (option, is_idle, allowed) in [
            (
                "--shorter-side",
                self.shorter_side.is_some() && !is_jpeg,
                &["--as jpeg"][..],
            ),
            (
                "--quality",
                self.quality.is_some() && !is_jpeg,
                &["--as jpeg"],
            ),
            (
                "--exif-orientation",
                self.exif_orientation && is_as_is,
                &["--as jpeg", "--as raw"],
            ),
        ] {
            if is_idle {
                let found = format!("it does nothing with --as {how}");
                let fault = Fault::new(Place::key(option), found).allowed(allowed);
                return Err(Error::Option(Box::new(fault)));
            }
        }
        Ok(())
    }

    pub(super) fn run(self) -> Result<Exit, Error> {
        self.require_used()?;
        stop::exit_on_signals()?;
        let encoding = match self.how {
            How::AsIs => Encoding::AsIs,
            How::Raw => Encoding::Raw,
            How::Jpeg => Encoding::Jpeg {
                shorter_side: self.shorter_side.unwrap_or(500),
                quality: self.quality.unwrap_or(90),
            },
        };
        let bad_files = match self.exclude_bad_files {
            true => BadFiles::Exclude,
            false => BadFiles::Fail,
        };
        let packed = pack::pack(
            &self.from,
            &self.out,
            encoding,
            self.exif_orientation,
            bad_files,
        )?;
        let [train, test] = packed.images;
        print(&format!(
            "packed {train} train and {test} test images into {}, {} bytes; {} left out\n",
            self.out.display(),
            packed.bytes,
            render::count(packed.left_out.len(), "file")
        ));
        let left_out = packed.left_out.len();
        for line in scan::left_out(&packed.left_out) {
            print(&(line + "\n"));
        }
        if left_out > scan::NAMED {
            let more = left_out - scan::NAMED;
            print(&format!("  and {more} more; pack.json there names all\n"));
        }
        Ok(Exit::Ok)
    }
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The sweep file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The task, where the file has several.
    #[arg(long)]
    task: Option<String>,
    #[command(flatten)]
    sets: Sets,
    #[command(flatten)]
    data: DataRoot,
    /// Seed of the trial whose first images are drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// PNG file to write, NAME.png.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Show {
    pub(super) fn run(self) -> Result<Exit, Error> {
        let ending = self.out.extension();
        if !ending.is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
            let found = format!(
                "{} would be a PNG file of another ending",
                self.out.display()
            );
            let fault = Fault::new(Place::key("--out"), found).allowed([".png"]);
            return Err(Error::Option(Box::new(fault)));
        }
        let root = self.data.folder();
        let mut tasks = self.sets.read(&self.file)?.sweep()?.tasks;
        if let Some(name) = &self.task {
            let (asked, others): (Vec<_>, Vec<_>) =
                tasks.into_iter().partition(|task| task.name == *name);
            if asked.is_empty() {
                let names = others.iter().map(|task| &task.name);
                return Err(Error::not_in_sweep(&self.file, "task", name, names));
            }
            tasks = asked;
        }
        data::find(&tasks, root)?;
        for task in &tasks {
            if let Some(sheet) = task.config.sheet(root, self.seed)? {
                let out = std::path::absolute(&self.out).map_err(Error::io("find", &self.out))?;
                files::write(&out, &sheet).map_err(|error| error.of_option("--out", &self.out))?;
                print(&format!(
                    "drew {} of task {}: first validation images, below them train images of the first epoch\n",
                    self.out.display(),
                    task.name
                ));
                return Ok(Exit::Ok);
            }
        }
        let names: Vec<String> = tasks.into_iter().map(|task| task.name).collect();
        Err(Error::nothing_to_show(self.file, &names))
    }
}
