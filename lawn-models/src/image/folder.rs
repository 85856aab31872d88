//! Images as files: `SPLIT/CLASS/NAME.jpg`, all of one size.

use std::path::{Path, PathBuf};

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::pixels::{CHANNELS, Images};
use crate::DataError;

/// Files of one split with their labels, in order of class and name.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) classes: Vec<String>,
    pub(crate) files: Vec<(PathBuf, u32)>,
}

/// Lists `folder`, whose folders are the classes.
///
/// With `expected` classes, a folder that is none of them is refused.
pub(crate) fn list(folder: &Path, expected: Option<&[String]>) -> Result<Listing, DataError> {
    let found = names(folder, Path::is_dir)?;
    let classes = expected.map_or_else(|| found.clone(), <[String]>::to_vec);
    if classes.len() < 2 {
        let found = format!("{} class folders", classes.len());
        return Err(DataError::unusable(folder, found, "two or more"));
    }
    let mut files = Vec::new();
    for class in found {
        let label = classes
            .iter()
            .position(|known| *known == class)
            .ok_or_else(|| {
                let expected = format!("the classes of train: {}", classes.join(", "));
                DataError::unusable(folder, format!("class folder \"{class}\""), expected)
            })?;
        let folder = folder.join(class);
        for name in names(&folder, is_jpeg)? {
            files.push((folder.join(name), label as u32));
        }
    }
    if files.is_empty() {
        return Err(DataError::unusable(
            folder,
            "no JPEG file",
            "CLASS/NAME.jpg",
        ));
    }
    Ok(Listing { classes, files })
}

/// Decodes all files, on as many threads as one operation may use.
pub(crate) fn decode(listing: &Listing) -> Result<Images, DataError> {
    let files = &listing.files;
    let threads = tch::get_num_threads().max(1) as usize;
    let parts = files.chunks(files.len().div_ceil(threads).max(1));
    let decoded: Vec<Result<Vec<Decoded>, DataError>> = std::thread::scope(|scope| {
        let decode = |part: &[(PathBuf, u32)]| part.iter().map(|(path, _)| read(path)).collect();
        let handles: Vec<_> = parts
            .map(|part| scope.spawn(move || decode(part)))
            .collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
            Ok(part) => part,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        handles.into_iter().map(join).collect()
    });
    let mut images = Images {
        height: 0,
        width: 0,
        classes: listing.classes.clone(),
        labels: files.iter().map(|&(_, label)| label).collect(),
        bytes: Vec::new(),
    };
    let mut paths = files.iter().map(|(path, _)| path);
    for part in decoded {
        for (image, path) in part?.into_iter().zip(&mut paths) {
            if images.bytes.is_empty() {
                (images.height, images.width) = (image.height, image.width);
            }
            if (image.height, image.width) != (images.height, images.width) {
                return Err(DataError::unusable(
                    path,
                    format!("{} × {} pixels", image.width, image.height),
                    format!("{} × {}, as the first image", images.width, images.height),
                ));
            }
            images.bytes.extend(image.bytes);
        }
    }
    Ok(images)
}

struct Decoded {
    height: usize,
    width: usize,
    bytes: Vec<u8>,
}

/// Reads one JPEG file as red, green and blue, grey ones included.
fn read(path: &Path) -> Result<Decoded, DataError> {
    let file = std::fs::read(path).map_err(DataError::read(path))?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let refuse = |reason: String| DataError::Image {
        path: path.to_owned(),
        reason,
    };
    let bytes = decoder
        .decode()
        .map_err(|error| refuse(format!("{error:?}")))?;
    let info = decoder
        .info()
        .ok_or_else(|| refuse("no header".to_owned()))?;
    let (height, width) = (usize::from(info.height), usize::from(info.width));
    if bytes.len() != height * width * CHANNELS {
        let expected = height * width * CHANNELS;
        return Err(refuse(format!(
            "{} bytes, expected {expected}",
            bytes.len()
        )));
    }
    Ok(Decoded {
        height,
        width,
        bytes,
    })
}

/// Sorted names in a folder for which `wanted` holds.
fn names(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, DataError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(DataError::read(folder))? {
        let path = entry.map_err(DataError::read(folder))?.path();
        if wanted(&path) {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .ok_or_else(|| {
                    DataError::unusable(&path, "a name that is not UTF-8", "a name in UTF-8")
                })?;
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn is_jpeg(path: &Path) -> bool {
    let end = path
        .extension()
        .and_then(|end| end.to_str())
        .unwrap_or_default();
    path.is_file()
        && ["jpg", "jpeg"]
            .iter()
            .any(|known| end.eq_ignore_ascii_case(known))
}
