//! Tensors whose memory is written in place.

use std::mem::MaybeUninit;

use tch::kind::Element;
use tch::{Device, Tensor};

/// A new tensor of `shape` on the CPU; `fill` writes every value of it.
///
/// # Errors
/// That of `fill`.
pub(crate) fn filled<T: Element, E>(
    shape: &[usize],
    fill: impl FnOnce(&mut [MaybeUninit<T>]) -> Result<(), E>,
) -> Result<Tensor, E> {
    let sizes: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    let tensor = Tensor::empty(&sizes[..], (T::KIND, Device::Cpu));
    let count = shape.iter().product();
    if count > 0 {
        large_pages::advise(tensor.data_ptr(), count * size_of::<T>());
        // SAFETY: a new tensor is contiguous, aligned for its kind, and has one value of `T` for
        // each place of `shape`. Nobody else has it, and its values may be unwritten.
        let values = unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), count) };
        fill(values)?;
    }
    Ok(tensor)
}

/// New memory in large pages: it is the system that makes them one by one as they are written to
/// first, and of the usual 4 KiB a batch of images has ten thousand.
#[cfg(target_os = "linux")]
mod large_pages {
    use std::ffi::{c_int, c_void};

    /// Of `linux/mman.h`.
    const MADV_HUGEPAGE: c_int = 14;

    /// Bytes of a page, of which the start of advised memory has to be a multiple.
    const PAGE: usize = 4096;

    /// Bytes from which on it is worth while.
    const LEAST: usize = 4 << 20;

    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    pub(super) fn advise(start: *mut c_void, bytes: usize) {
        let skipped = start.align_offset(PAGE);
        if bytes < LEAST + skipped {
            return;
        }
        // SAFETY: the pages from the first whole one to the last that is begun are of memory that
        // is ours or its neighbours', and the advice changes no value of it. That it is not
        // followed is no error.
        unsafe {
            madvise(
                start.wrapping_byte_add(skipped),
                bytes - skipped,
                MADV_HUGEPAGE,
            )
        };
    }
}

#[cfg(not(target_os = "linux"))]
mod large_pages {
    pub(super) fn advise(_start: *mut std::ffi::c_void, _bytes: usize) {}
}
