//! JPEG files, as libjpeg-turbo and with it PIL decode them.
//!
//! What grey, CMYK and YCCK become is what PIL converts them to.

use std::ffi::{CStr, c_char, c_int};

// Nothing of it is called from here: it brings the library that jpeg.c calls.
use mozjpeg_sys as _;

use super::fault::Fault;
use crate::data::images::image::{CHANNELS, Region};

/// The same in jpeg.c.
#[repr(C)]
#[derive(Default)]
struct Header {
    width: u32,
    height: u32,
    components: u32,
}

/// The same in jpeg.c.
#[repr(C)]
struct Part {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    eighths: u32,
    whole: u32,
}

/// Letters of a message of libjpeg, its end included.
const MESSAGE: usize = 200;

/// The same in jpeg.c.
#[repr(C)]
struct Said {
    offset: i64,
    text: [c_char; MESSAGE],
}

unsafe extern "C" {
    fn lawn_jpeg_header(
        bytes: *const u8,
        length: usize,
        header: *mut Header,
        said: *mut Said,
    ) -> c_int;
    fn lawn_jpeg_decode(
        bytes: *const u8,
        length: usize,
        part: *const Part,
        out: *mut u8,
        said: *mut Said,
    ) -> c_int;
    fn lawn_jpeg_is_vectorised() -> c_int;
}

impl Said {
    fn nothing() -> Self {
        Self {
            offset: -1,
            text: [0; MESSAGE],
        }
    }

    /// The fault that libjpeg told, where `status` says that there is one.
    fn result(&self, status: c_int) -> Result<(), Fault> {
        if status == 0 {
            return Ok(());
        }
        let text: Vec<u8> = self.text.iter().map(|&letter| letter as u8).collect();
        let text = CStr::from_bytes_until_nul(&text)
            .map_or_else(|_| "unknown".into(), CStr::to_string_lossy);
        let reason = format!("libjpeg says \"{text}\"");
        Err(u64::try_from(self.offset).map_or_else(
            |_| Fault::of(reason.clone()),
            |offset| Fault::at(reason.clone(), offset),
        ))
    }
}

/// Height and width.
pub(super) fn size(bytes: &[u8]) -> Result<[usize; 2], Fault> {
    let (mut header, mut said) = (Header::default(), Said::nothing());
    // SAFETY: the pointers are to live values of the layouts that jpeg.c declares, and
    // `bytes` is read within its length only.
    let status = unsafe { lawn_jpeg_header(bytes.as_ptr(), bytes.len(), &mut header, &mut said) };
    said.result(status)?;
    match header.components {
        1 | 3 | 4 => Ok([header.height as usize, header.width as usize]),
        other => Err(Fault::of(format!(
            "it has {other} colour components; 1, 3 and 4 are read"
        ))),
    }
}

/// What of a file is decoded.
#[derive(Clone, Copy)]
pub(super) struct Decoded {
    /// In pixels of the size that is decoded to.
    pub(super) region: Region,
    /// Eighths of the image's size that it is decoded to.
    pub(super) eighths: u32,
    /// Whether the file is looked at below the region.
    pub(super) whole: bool,
}

/// Decodes to `to`, `[height, width, 3]`.
pub(super) fn decode(bytes: &[u8], what: Decoded, to: &mut Vec<u8>) -> Result<(), Fault> {
    let Decoded { region, .. } = what;
    to.resize(region.height * region.width * CHANNELS, 0);
    let part = Part {
        left: region.left as u32,
        top: region.top as u32,
        width: region.width as u32,
        height: region.height as u32,
        eighths: what.eighths,
        whole: what.whole.into(),
    };
    let mut said = Said::nothing();
    // SAFETY: as above; `to` has room for the part, `[height, width, 3]`, and the part is looked
    // for within the image by jpeg.c.
    let status = unsafe {
        lawn_jpeg_decode(
            bytes.as_ptr(),
            bytes.len(),
            &part,
            to.as_mut_ptr(),
            &mut said,
        )
    };
    said.result(status)
}

/// Whether the vector kernels of libjpeg are built in and the processor has what they need.
pub(super) fn is_vectorised() -> bool {
    // SAFETY: it takes nothing and asks the processor.
    unsafe { lawn_jpeg_is_vectorised() != 0 }
}
