//! Work cut into parts, each on a thread of its own.

/// Does `work` on every part and gives the results in the order of the parts. A single part
/// stays on this thread.
///
/// # Panics
/// If one of them does.
pub(crate) fn each<P: Send, R: Send>(
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) -> R + Sync,
) -> Vec<R> {
    let mut parts: Vec<P> = parts.into_iter().collect();
    if parts.len() == 1 {
        return parts.drain(..).map(work).collect();
    }
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, R>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}

/// The size of a part where `count` things are cut into `threads` parts: 1 or more.
pub(crate) fn size(count: usize, threads: usize) -> usize {
    count.div_ceil(threads.max(1)).max(1)
}
