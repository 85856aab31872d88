//! Steps whose launches a graph carries out.

use crate::backend::launches::{Replay, StepLaunches, StepUnderWay, Uncapturable};
use crate::constraint::Phase;
use crate::error::Error;
use crate::optimizer::Optimizer;
use crate::options::StepOptions;
use crate::report::StepReport;

impl Optimizer {
    /// What the launches of the next step are called with, of the kernels of CUDA. As long as it is
    /// the same, a graph that has captured the launches of one step is right for the others: a freeze, a
    /// thaw and parameters that are trained from now on make it another one. Rates and weight decays of
    /// groups are numbers on the device, and make it another one only where a decay decides whether the
    /// kernels take a parameter.
    ///
    /// ```text
    /// launches(options)            the same as those captured?
    ///   yes   set gradients where the graph writes them → step_by(options, launches, replay)
    ///   no    backward → step_with(options), or capture { backward, launch(launches) } first
    /// ```
    ///
    /// # Errors
    ///
    /// [`Uncapturable`], why there are none.
    pub fn launches(&self, options: &StepOptions) -> Result<StepLaunches, Uncapturable> {
        if self.config.cow_clip.is_some() {
            let why = "CowClip reads gradients before the step";
            return Err(Uncapturable::NoStep(why.to_owned()));
        }
        let phase = self.phase();
        let constrained = phase == Phase::Constrained;
        let limits = self.limits(phase);
        let launches = self.backend.launches(&self.slots, constrained, limits);
        let launches = launches.map_err(Uncapturable::NoStep)?;
        let freezes = constrained && !self.frozen;
        let is_other = freezes
            || options.diagnostics
            || self.unverified
            || self.rescaled
            || self.evaluates
            || self.interrupted;
        match is_other {
            true => Err(Uncapturable::ThisStep),
            false => Ok(launches),
        }
    }

    /// Gives launches to libtorch's current stream, for a graph that captures them there. They are no
    /// step: the host prepares each in [`step_by`](Self::step_by).
    ///
    /// # Panics
    ///
    /// If they are not [`launches`](Self::launches) of this optimizer as it is now.
    pub fn launch(&self, launches: &StepLaunches) {
        self.backend.launch_again(launches);
    }

    /// [`step_with`](Self::step_with), whose launches `replay` carries out in the order of libtorch's
    /// current stream: a graph that has captured them, after a `backward` of its own or not. The
    /// gradients are where `backward` would have left them, and need not be computed before `replay`
    /// is called. All that such a step reads from the host, as its learning rate, is in memory of the
    /// device before that.
    ///
    /// # Errors
    ///
    /// Those of [`step_with`](Self::step_with), and [`Error::OtherLaunches`]. `replay` was not called
    /// then, and nothing has changed.
    ///
    /// # Panics
    ///
    /// As [`step_with`](Self::step_with), and as `replay` does; the step is then half done.
    pub fn step_by(
        &mut self,
        options: StepOptions,
        launches: &StepLaunches,
        replay: &dyn Fn(&StepUnderWay<'_>),
    ) -> Result<StepReport, Error> {
        let why = match self.launches(&options) {
            Ok(now) if now == *launches => None,
            Ok(_) => Some("the phase, a parameter or a setting is another one"),
            Err(Uncapturable::ThisStep) => Some("this step does more than the others"),
            Err(Uncapturable::NoStep(_)) => Some("no step of this optimizer can be captured"),
        };
        if let Some(why) = why {
            return Err(Error::OtherLaunches { why });
        }
        let run = replay;
        self.take_step(options, Some(Replay { launches, run }))
    }
}
