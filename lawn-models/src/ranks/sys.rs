//! The functions of `cpp/rank_*.cpp`, and what all calls of them share.

use std::ffi::{CStr, c_char, c_int, c_void};

use tch::Tensor;

unsafe extern "C" {
    pub(super) fn lawn_rank_store_open(
        host: *const c_char,
        port: u16,
        socket: c_int,
        prefix: *const c_char,
        timeout_ms: i64,
        opened: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_store_set(
        store: *mut c_void,
        key: *const c_char,
        value: *const c_char,
        length: i64,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_store_get(
        store: *mut c_void,
        key: *const c_char,
        timeout_ms: i64,
        value: *mut *mut c_char,
        length: *mut i64,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_store_close(store: *mut c_void);

    pub(super) fn lawn_rank_group_open(
        store: *mut c_void,
        rank: c_int,
        ranks: c_int,
        host: *const c_char,
        interface: *const c_char,
        meeting_ms: i64,
        timeout_ms: i64,
        opened: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_group_close(group: *mut c_void);
    pub(super) fn lawn_rank_sum(
        group: *mut c_void,
        tensor: *mut c_void,
        work: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_broadcast(
        group: *mut c_void,
        tensor: *mut c_void,
        from: c_int,
        work: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_gather(
        group: *mut c_void,
        tensor: *mut c_void,
        all: *mut c_void,
        work: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_exchange(
        group: *mut c_void,
        tensor: *mut c_void,
        filled: *mut c_void,
        given: *const i64,
        taken: *const i64,
        ranks: i64,
        work: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_wait(
        work: *mut c_void,
        timeout_ms: i64,
        done: *mut c_int,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_forget(work: *mut c_void, done: c_int);

    pub(super) fn lawn_rank_gradients_open(
        group: *mut c_void,
        parameters: *const *mut c_void,
        is_table: *const u8,
        count: i64,
        asks: i64,
        first_bytes: i64,
        bucket_bytes: i64,
        least_bytes: i64,
        opened: *mut *mut c_void,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_gradients_arm(gradients: *mut c_void);
    pub(super) fn lawn_rank_gradients_launch(
        gradients: *mut c_void,
        asks: *const f32,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_gradients_wait(
        gradients: *mut c_void,
        timeout_ms: i64,
        done: *mut c_int,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_gradients_place(
        gradients: *mut c_void,
        answers: *mut f32,
    ) -> *mut c_char;
    pub(super) fn lawn_rank_gradients_close(gradients: *mut c_void);

    fn free(memory: *mut c_void);
}

/// What a call answered: nothing, or what went wrong in the first line of what c10d says.
///
/// # Safety
/// `answer` is null or a string of `malloc` that nobody else frees.
pub(super) unsafe fn answered(answer: *mut c_char) -> Result<(), String> {
    if answer.is_null() {
        return Ok(());
    }
    // SAFETY: as the caller says; it is copied before it is freed.
    let said = unsafe {
        let said = CStr::from_ptr(answer).to_string_lossy().into_owned();
        free(answer.cast());
        said
    };
    // What follows is where in libtorch it was thrown, and how it came there.
    let line = said.lines().next().unwrap_or_default();
    let line = match line.find("] ") {
        Some(at) if line.starts_with('[') => &line[at + 2..],
        _ => line,
    };
    Err(line.to_owned())
}

/// A tensor as the calls take it, which keep a handle of their own.
pub(super) fn pointer(tensor: &Tensor) -> *mut c_void {
    tensor.as_ptr().cast_mut().cast()
}

/// The bytes of a call, which are freed.
///
/// # Safety
/// `value` is of `malloc`, has so many bytes, and nobody else frees it.
pub(super) unsafe fn taken(value: *mut c_char, length: i64) -> Vec<u8> {
    // SAFETY: as the caller says; they are copied before they are freed.
    unsafe {
        let bytes = std::slice::from_raw_parts(value.cast::<u8>(), length as usize).to_vec();
        free(value.cast());
        bytes
    }
}
