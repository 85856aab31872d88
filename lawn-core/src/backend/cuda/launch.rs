//! Launches of the kernels, on whatever carries them out.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;

use super::records::{Begin, PlanRecord};

/// The kernels, as `cuda/kernels.cu` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    Begin = 0,
    Sum = 1,
    Before = 2,
    Update = 3,
    After = 4,
    Move = 5,
    Release = 6,
}

impl Kernel {
    pub(super) const ALL: [Kernel; 7] = [
        Kernel::Begin,
        Kernel::Sum,
        Kernel::Before,
        Kernel::Update,
        Kernel::After,
        Kernel::Move,
        Kernel::Release,
    ];

    /// Its name in the source.
    pub(super) fn name(self) -> &'static std::ffi::CStr {
        match self {
            Kernel::Begin => c"lawn_begin",
            Kernel::Sum => c"lawn_sum",
            Kernel::Before => c"lawn_before",
            Kernel::Update => c"lawn_update",
            Kernel::After => c"lawn_after",
            Kernel::Move => c"lawn_move",
            Kernel::Release => c"lawn_release",
        }
    }
}

/// What a kernel takes beside the plan.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arguments {
    None,
    Begin(Begin),
    /// The parameter, where its first moment goes, and how many elements it has.
    Release {
        tensor: i64,
        moment: u64,
        count: i64,
    },
}

/// One launch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Launch<'a> {
    pub(super) kernel: Kernel,
    pub(super) plan: &'a PlanRecord,
    pub(super) arguments: Arguments,
    pub(super) blocks: i64,
}

/// What carries launches out, one after the other, in the order in which it is given them.
pub(super) trait Launcher: fmt::Debug + Send {
    /// Hands a launch over. It may still be to come when this returns.
    ///
    /// # Safety
    ///
    /// The plan is of this launcher's device. All that it points at has the sizes that it says, is
    /// as alive as the launch needs, and is not looked at by the host before that is over.
    unsafe fn launch(&self, launch: &Launch<'_>);
}

/// A launcher whose launches are counted.
#[derive(Debug)]
pub(super) struct Launches {
    launcher: Box<dyn Launcher>,
    count: Cell<u64>,
}

impl Launches {
    pub(super) fn new(launcher: Box<dyn Launcher>) -> Self {
        Self {
            launcher,
            count: Cell::new(0),
        }
    }

    /// How many there were.
    #[cfg(test)]
    pub(super) fn count(&self) -> u64 {
        self.count.get()
    }

    /// A launch of so many blocks.
    ///
    /// # Safety
    ///
    /// As [`Launcher::launch`].
    pub(super) unsafe fn launch(
        &self,
        kernel: Kernel,
        plan: &PlanRecord,
        arguments: Arguments,
        blocks: i64,
    ) {
        self.count.set(self.count.get() + 1);
        let launch = Launch {
            kernel,
            plan,
            arguments,
            blocks,
        };
        // SAFETY: the caller keeps to the same conditions.
        unsafe { self.launcher.launch(&launch) };
    }
}

/// The kernels compiled for the CPU. It is slow, and meant for tests: the same source, in loops
/// over blocks and threads.
#[derive(Debug)]
pub(super) struct Emulated;

/// A launch that was noted.
#[derive(Clone, Copy, Debug)]
struct Noted {
    kernel: Kernel,
    plan: PlanRecord,
    arguments: Arguments,
    blocks: i64,
}

thread_local! {
    /// Launches that are noted in place of being carried out.
    static NOTED: RefCell<Option<Vec<Noted>>> = const { RefCell::new(None) };
}

/// Launches of the kernels compiled for the CPU, noted in place of being carried out and carried out
/// any number of times: for tests, what a graph of CUDA is for a card.
#[derive(Debug)]
pub struct EmulatedGraph(Vec<Noted>);

impl EmulatedGraph {
    /// Notes the launches of `body` in this thread. All else of it is carried out.
    ///
    /// # Panics
    ///
    /// As `body`, and within another capture.
    pub fn capture<T>(body: impl FnOnce() -> T) -> (Self, T) {
        /// Ends the capture, also where `body` panics.
        struct Ended;
        impl Drop for Ended {
            fn drop(&mut self) {
                NOTED.take();
            }
        }
        let before = NOTED.replace(Some(Vec::new()));
        assert!(before.is_none(), "one capture at a time");
        let _ended = Ended;
        let made = body();
        (Self(NOTED.take().unwrap_or_default()), made)
    }

    /// How many launches it has.
    #[must_use]
    pub fn launches(&self) -> usize {
        self.0.len()
    }

    /// Carries them out.
    ///
    /// # Safety
    ///
    /// The optimizer whose launches they are is alive, and has the same
    /// [`launches`](crate::Optimizer::launches) still.
    pub unsafe fn replay(&self) {
        for noted in &self.0 {
            let launch = Launch {
                kernel: noted.kernel,
                plan: &noted.plan,
                arguments: noted.arguments,
                blocks: noted.blocks,
            };
            // SAFETY: the caller keeps what the plan points at alive.
            unsafe { Emulated.launch(&launch) };
        }
    }
}

unsafe extern "C" {
    fn lawn_emulate(
        kernel: i64,
        plan: *const PlanRecord,
        begin: *const Begin,
        tensor: i64,
        moment: *mut c_void,
        count: i64,
        blocks: i64,
        order: i64,
    );
}

#[cfg(test)]
thread_local! {
    /// Whether launches do nothing, so that what the host does is all that there is.
    pub(super) static IDLE: Cell<bool> = const { Cell::new(false) };

    /// In which order blocks run: 0 and 1 for one end or the other first, others mix them up.
    pub(super) static ORDER: Cell<i64> = const { Cell::new(0) };
}

fn order() -> i64 {
    #[cfg(test)]
    return ORDER.get();
    #[cfg(not(test))]
    0
}

impl Launcher for Emulated {
    unsafe fn launch(&self, launch: &Launch<'_>) {
        #[cfg(test)]
        if IDLE.get() {
            return;
        }
        let is_noted = NOTED.with_borrow_mut(|noted| match noted {
            Some(noted) => {
                noted.push(Noted {
                    kernel: launch.kernel,
                    plan: *launch.plan,
                    arguments: launch.arguments,
                    blocks: launch.blocks,
                });
                true
            }
            None => false,
        });
        if is_noted {
            return;
        }
        let begin = match launch.arguments {
            Arguments::Begin(begin) => begin,
            _ => Begin::default(),
        };
        let (tensor, moment, count) = match launch.arguments {
            Arguments::Release {
                tensor,
                moment,
                count,
            } => (tensor, moment, count),
            _ => (0, 0, 0),
        };
        // SAFETY: the caller gives a plan of memory on the CPU. It is walked through before this
        // returns.
        unsafe {
            lawn_emulate(
                launch.kernel as i64,
                launch.plan,
                &raw const begin,
                tensor,
                moment as *mut c_void,
                count,
                launch.blocks,
                order(),
            );
        }
    }
}
