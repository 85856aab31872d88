//! What a report is asked for, fixed before the results are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::width::Width;

/// Two arms to be compared, registered beforehand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contrast {
    /// The arm to compare with.
    pub baseline: String,
    /// The arm in question.
    pub treatment: String,
}

/// What a plan has of one task, whether or not it has begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTask {
    /// Its arms.
    pub arms: Vec<String>,
    /// Its batch sizes.
    pub batch_sizes: Vec<i64>,
}

/// Which test decides a verdict; the other one is reported beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidingTest {
    /// Exact sign-flip: no assumption but symmetry of the differences under the null.
    #[default]
    SignFlip,
    /// Paired t: assumes normal differences, and can decide with fewer seeds.
    PairedT,
}

impl DecidingTest {
    /// Name of the test in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::SignFlip => "exact sign-flip",
            Self::PairedT => "paired t",
        }
    }
}

/// What a report is to say, and by which rules.
///
/// Everything here is fixed before the results are known. Contrasts and batch sizes make the
/// families over which p-values are adjusted, so none of it may be chosen by looking at results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReportRequest {
    /// Title of the page.
    pub title: String,
    /// The comparisons asked for, in order.
    pub contrasts: Vec<Contrast>,
    /// The batch size that the large-batch drop is measured from.
    pub reference_batch_size: i64,
    /// Error rate of a family of tests; intervals have level `1 - alpha`.
    pub alpha: f64,
    /// The test that decides verdicts.
    pub deciding_test: DecidingTest,
    /// By metric name, the largest difference that does not matter, in the metric's own unit.
    /// Without a margin no verdict on the metric can be *equivalent*.
    pub margins: BTreeMap<String, f64>,
    /// How wide the files of the figures are; the page has its own widths.
    #[serde(default)]
    pub width: Width,
    /// Facts shown as they are: where, when and with what the run was made.
    pub provenance: Vec<(String, String)>,
    /// What was done to the records beforehand, in sentences. The report shows them before all
    /// else.
    #[serde(default)]
    pub notes: Vec<String>,
    /// By task, what is still going to have trials: where the records lack it, the report says that
    /// it is not there yet, and not that it never was. Empty where all trials are over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub planned: BTreeMap<String, PlannedTask>,
    /// Threads that the report is made on. Their number changes no byte of it.
    #[serde(skip, default = "crate::parallel::available")]
    pub threads: usize,
}

impl ReportRequest {
    /// A request with no contrasts yet, `alpha` 0.05, decided by the sign-flip test, on all threads
    /// of the machine.
    pub fn new(title: impl Into<String>, reference_batch_size: i64) -> Self {
        Self {
            title: title.into(),
            contrasts: Vec::new(),
            reference_batch_size,
            alpha: 0.05,
            deciding_test: DecidingTest::SignFlip,
            margins: BTreeMap::new(),
            width: Width::default(),
            provenance: Vec::new(),
            notes: Vec::new(),
            planned: BTreeMap::new(),
            threads: crate::parallel::available(),
        }
    }

    /// Adds a comparison of `treatment` with `baseline`.
    #[must_use]
    pub fn contrast(mut self, baseline: impl Into<String>, treatment: impl Into<String>) -> Self {
        self.contrasts.push(Contrast {
            baseline: baseline.into(),
            treatment: treatment.into(),
        });
        self
    }

    /// The request as JSON: with the same records it makes the same report.
    pub(crate) fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("names and numbers have a form in JSON") + "\n"
    }

    /// Makes sure that the request can be answered.
    ///
    /// # Errors
    /// [`Error::BadContrast`] for a contrast that is asked for twice, or of an arm with itself;
    /// [`Error::OutOfRange`] for an alpha outside (0, 0.5); [`Error::BadMargin`] for a margin that
    /// is not positive.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_contrasts()?;
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Err(Error::OutOfRange {
                name: "alpha",
                value: self.alpha,
                allowed: "above 0, below 0.5",
            });
        }
        let mut margins = self.margins.iter();
        match margins.find(|(_, margin)| !(**margin > 0.0 && margin.is_finite())) {
            Some((metric, margin)) => Err(Error::BadMargin {
                metric: metric.clone(),
                value: *margin,
            }),
            None => Ok(()),
        }
    }

    /// Refuses a contrast of an arm with itself, and one that is asked for twice: it would have two
    /// p-values.
    fn check_contrasts(&self) -> Result<(), Error> {
        let refused = |contrast: &Contrast, why| Error::BadContrast {
            baseline: contrast.baseline.clone(),
            treatment: contrast.treatment.clone(),
            why,
        };
        for (index, contrast) in self.contrasts.iter().enumerate() {
            let turned = Contrast {
                baseline: contrast.treatment.clone(),
                treatment: contrast.baseline.clone(),
            };
            let before = &self.contrasts[..index];
            if contrast.baseline == contrast.treatment {
                return Err(refused(contrast, "an arm cannot be compared with itself"));
            }
            if before.contains(contrast) {
                return Err(refused(contrast, "it is asked for twice"));
            }
            if before.contains(&turned) {
                return Err(refused(
                    contrast,
                    "it is asked for the other way round as well",
                ));
            }
        }
        Ok(())
    }
}
