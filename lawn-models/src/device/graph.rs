//! Graphs of CUDA, by `cpp/graph.cpp`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use tch::Tensor;

use super::probe::load_cuda;
use super::shortage::message;

unsafe extern "C" {
    fn lawn_has_graphs() -> *mut c_char;
    fn lawn_side_stream(device: c_int, side: *mut *mut c_void) -> *mut c_char;
    fn lawn_free_side_stream(side: *mut c_void);
    fn lawn_use_side_stream(side: *mut c_void, back: bool) -> *mut c_char;
    fn lawn_capture_begin(side: *mut c_void, graph: *mut *mut c_void) -> *mut c_char;
    fn lawn_capture_end(graph: *mut c_void) -> *mut c_char;
    fn lawn_replay(graph: *mut c_void) -> *mut c_char;
    fn lawn_free_graph(graph: *mut c_void);
    fn lawn_set_gradient(variable: *mut c_void, gradient: *mut c_void) -> *mut c_char;
    fn free(memory: *mut c_void);
}

/// Captures that were begun.
static CAPTURES: AtomicU64 = AtomicU64::new(0);

/// How many captures of graphs were begun in this process.
pub(crate) fn captures_begun() -> u64 {
    CAPTURES.load(Ordering::Relaxed)
}

/// What a function of C++ answers: its first line, if it has thrown.
fn answered(answer: *mut c_char) -> Result<(), String> {
    if answer.is_null() {
        return Ok(());
    }
    // SAFETY: a message is a string of C that strdup has made and nobody else has.
    let text = unsafe {
        let text = CStr::from_ptr(answer).to_string_lossy().into_owned();
        free(answer.cast());
        text
    };
    Err(first_line(&text))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    // A message within a debug print has its line ends escaped.
    line.split("\\n").next().unwrap_or_default().to_owned()
}

/// Makes sure that libtorch has all by which graphs of CUDA are called here; no device is needed.
///
/// # Errors
/// In words, what is missing.
pub fn cuda_graphs() -> Result<(), String> {
    load_cuda()?;
    // SAFETY: it takes nothing.
    answered(unsafe { lawn_has_graphs() })
}

/// A stream of a CUDA device, beside the one on which everything else runs.
///
/// What is captured must not be on the first stream, and what cuBLAS and cuDNN allocate belongs to
/// one stream: what is to be captured runs here before.
#[derive(Debug)]
pub(crate) struct SideStream(*mut c_void);

impl SideStream {
    /// # Errors
    /// In words, where libtorch has no graphs that are known here.
    pub(crate) fn new(device: usize) -> Result<Self, String> {
        let mut side = std::ptr::null_mut();
        // SAFETY: `side` is valid to write to during the call.
        answered(unsafe { lawn_side_stream(device as c_int, &raw mut side) })?;
        Ok(Self(side))
    }

    /// Carries something out there. The device is waited for before and after, so that nothing else
    /// runs at the same time.
    ///
    /// # Panics
    /// As libtorch's operations, where the device fails; and as `body` does.
    pub(crate) fn within<T>(&self, body: impl FnOnce() -> T) -> T {
        let switch = |back| {
            // SAFETY: it is of `lawn_side_stream` and not freed yet.
            answered(unsafe { lawn_use_side_stream(self.0, back) })
        };
        switch(false).unwrap_or_else(|message| panic!("{message}"));
        let done = catch_unwind(AssertUnwindSafe(body));
        let back = switch(true);
        match done {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(done) => {
                back.unwrap_or_else(|message| panic!("{message}"));
                done
            }
        }
    }
}

impl Drop for SideStream {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_side_stream`, and freed once.
        unsafe { lawn_free_side_stream(self.0) };
    }
}

/// What a stream was given once, to be given to it again by one launch.
#[derive(Debug)]
pub(crate) struct Graph(*mut c_void);

impl Graph {
    /// Captures what `body` gives to the side stream. Nothing of it is computed. The tensors that it
    /// makes are in memory of the graph, and have new values after each [`replay`](Self::replay).
    ///
    /// # Errors
    /// In one line, why that cannot be captured: something in it waits for the device, for instance.
    pub(crate) fn capture<T>(
        side: &SideStream,
        body: impl FnOnce() -> T,
    ) -> Result<(Self, T), String> {
        side.within(|| {
            CAPTURES.fetch_add(1, Ordering::Relaxed);
            let mut graph = std::ptr::null_mut();
            // SAFETY: the stream is of `lawn_side_stream` and not freed yet; `graph` is valid to write to
            // during the call.
            answered(unsafe { lawn_capture_begin(side.0, &raw mut graph) })?;
            let graph = Self(graph);
            let made = catch_unwind(AssertUnwindSafe(body));
            // SAFETY: it is of `lawn_capture_begin` and not freed yet. A capture is ended also where
            // it has failed: the stream takes nothing else before.
            let ended = answered(unsafe { lawn_capture_end(graph.0) });
            match made {
                Ok(made) => ended.map(|()| (graph, made)),
                Err(panic) => Err(first_line(message(&*panic).unwrap_or("a panic"))),
            }
        })
    }

    /// Computes what was captured, in the order of the current stream.
    ///
    /// # Panics
    /// As libtorch's operations, where the device fails.
    pub(crate) fn replay(&self) {
        // SAFETY: it is of `lawn_capture_begin`, was ended, and is not freed yet.
        let answer = answered(unsafe { lawn_replay(self.0) });
        answer.unwrap_or_else(|message| panic!("{message}"));
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_capture_begin`, and freed once.
        unsafe { lawn_free_graph(self.0) };
    }
}

/// Makes a tensor the gradient of a variable, or none, in place of the one that it has.
///
/// # Panics
/// As libtorch's operations, where the two do not fit.
pub(crate) fn set_gradient(variable: &Tensor, gradient: Option<&Tensor>) {
    let raw = |tensor: &Tensor| tensor.as_ptr().cast_mut().cast();
    let gradient = gradient.map_or(std::ptr::null_mut(), raw);
    // SAFETY: both are borrowed during the call, and the gradient is shared.
    let answer = answered(unsafe { lawn_set_gradient(raw(variable), gradient) });
    answer.unwrap_or_else(|message| panic!("{message}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn a_libtorch_without_cuda_has_no_graphs() {
        let refused = if tch::Cuda::is_available() {
            return;
        } else {
            SideStream::new(0).unwrap_err()
        };
        assert!(!refused.is_empty() && !refused.contains('\n'), "{refused}");
    }

    /// libtorch's half for CUDA can be loaded without a card.
    #[test]
    fn all_that_graphs_are_called_by_is_in_libtorch_or_is_named() {
        match (load_cuda(), cuda_graphs()) {
            (Ok(()), found) => assert_eq!(found, Ok(())),
            (Err(reason), found) => assert_eq!(found, Err(reason)),
        }
    }

    #[test]
    fn a_gradient_is_put_back() {
        let variable = Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
        variable.square().sum(Kind::Float).backward();
        let kept = variable.grad();
        set_gradient(&variable, None);
        assert!(!variable.grad().defined());
        let other = Tensor::zeros([2], (Kind::Float, Device::Cpu));
        set_gradient(&variable, Some(&other));
        assert_eq!(variable.grad(), other);
        set_gradient(&variable, Some(&kept));
        assert_eq!(variable.grad().data_ptr(), kept.data_ptr());
    }
}
