//! Images by class: folders of files, or generated ones.

mod augment;
mod cifar;
mod dataset;
mod decode;
mod encode;
mod evaluation;
mod folder;
mod generated;
mod image;
mod mixup;
mod pack;
mod pictures;
mod pixels;
mod scan;
mod sets;
mod sheet;
mod source;
mod split;
mod table;
mod transform;
mod views;

pub use decode::{Fault as ImageFault, decode_image, image_decoder};
pub(crate) use evaluation::EvaluatedSplit;
pub use generated::GeneratedImages;
pub(crate) use generated::write;
pub use image::Image;
pub(crate) use mixup::Mixup;
pub use pack::{Encoding, Packed, pack_images};
pub use scan::{BadFile, Ignored, OtherSize, Repeats, Scan, ScanProgress};
pub(crate) use scan::{require_one_size, require_sound};
pub(crate) use sets::{Sets, Showing};
pub(crate) use sheet::{png, sheet};
pub use source::{BadFiles, scan_images};
pub(crate) use source::{Part, Reading, Source, describe};
pub(crate) use split::Split;
pub use transform::{Normalization, TransformConfig};
