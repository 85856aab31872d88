//! The trials that an arm's settings are looked at in: how long each is.

use std::collections::BTreeMap;

use lawn_models::{Length, OptimizerSettings};

use crate::config::{Arm, Sweep};

/// How long a trial is.
pub(super) struct Course<'s> {
    pub(super) sweep: &'s Sweep,
    pub(super) length: Length,
    pub(super) batch_size: u64,
}

impl<'s> Course<'s> {
    /// Those of all tasks at all batch sizes, given by task the samples of an epoch.
    pub(super) fn all(sweep: &'s Sweep, epochs: &BTreeMap<String, u64>) -> Vec<Self> {
        (epochs.values())
            .flat_map(|&samples| sweep.batch_sizes.iter().map(move |&size| (samples, size)))
            .map(|(samples, batch_size)| Self {
                sweep,
                length: sweep.budget.length(samples.max(1), batch_size),
                batch_size,
            })
            .collect()
    }
}

/// What is found of an arm, of how many of its settings, and in which trials.
pub(super) struct Found<'c, 's, T> {
    pub(super) settings: usize,
    pub(super) of: usize,
    pub(super) at: Vec<(&'c Course<'s>, T)>,
}

/// What `find` finds of the settings of an arm in trials of these lengths; none where it finds nothing.
pub(super) fn found<'c, 's, T>(
    courses: &'c [Course<'s>],
    arm: &Arm,
    find: impl Fn(&OptimizerSettings, &Course<'s>) -> Option<T>,
) -> Option<Found<'c, 's, T>> {
    let (mut settings, mut at) = (0, Vec::new());
    for setting in &arm.settings {
        let before = at.len();
        for course in courses {
            let own = setting.at(course.batch_size, arm, course.sweep);
            at.extend(find(&own, course).map(|found| (course, found)));
        }
        settings += usize::from(at.len() > before);
    }
    (settings > 0).then_some(Found {
        settings,
        of: arm.settings.len(),
        at,
    })
}

impl<T> Found<'_, '_, T> {
    /// `, at batch 64, 256,` where it is not so at all batch sizes.
    fn sizes(&self) -> String {
        let Some((first, _)) = self.at.first() else {
            return String::new();
        };
        let mut sizes: Vec<u64> = self.at.iter().map(|(one, _)| one.batch_size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        if sizes == first.sweep.batch_sizes {
            return String::new();
        }
        let sizes: Vec<String> = sizes.iter().map(u64::to_string).collect();
        format!(", at batch {},", sizes.join(", "))
    }
}

/// What is said of a setting in trials of one length, if it is so.
pub(super) type Doubt = (fn(&OptimizerSettings, &Course<'_>) -> bool, &'static str);

/// A line for each arm and each doubt about settings of it, given by task the samples of an epoch.
pub(super) fn doubtful(
    sweep: &Sweep,
    epochs: &BTreeMap<String, u64>,
    doubts: &[Doubt],
) -> Vec<String> {
    let courses = Course::all(sweep, epochs);
    let mut said = Vec::new();
    for arm in &sweep.arms {
        for (is_so, what) in doubts {
            let of = |settings: &OptimizerSettings, course: &Course<'_>| {
                is_so(settings, course).then_some(())
            };
            if let Some(found) = found(&courses, arm, of) {
                let (settings, of, at) = (found.settings, found.of, found.sizes());
                said.push(format!(
                    "arm `{}`: {settings} of {of} settings{at} {what}",
                    arm.name
                ));
            }
        }
    }
    said
}
