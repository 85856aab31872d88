/// Integers whose logarithm is looked up.
const TABLE: u64 = 4_096;

/// From integers to what a net is given.
///
/// ```text
/// x = ln(1 + max(n, 0))        f32
/// ```
/// Integers below 0 count as 0.
///
/// Source: `criteo1tb/input_pipeline.py` of mlcommons/algorithmic-efficiency, with `missing` −1.
#[derive(Debug)]
pub(super) struct Numbers {
    table: Vec<f32>,
    missing: f32,
}

impl Numbers {
    /// `missing` stands for an integer that is not there.
    pub(super) fn new(missing: i64) -> Self {
        Self {
            table: (0..TABLE).map(logarithm).collect(),
            missing: logarithm(missing.max(0) as u64),
        }
    }

    pub(super) fn missing(&self) -> f32 {
        self.missing
    }

    pub(super) fn value(&self, number: i64) -> f32 {
        self.natural(number.max(0) as u64)
    }

    pub(super) fn natural(&self, number: u64) -> f32 {
        match self.table.get(number as usize) {
            Some(value) => *value,
            None => logarithm(number),
        }
    }
}

fn logarithm(number: u64) -> f32 {
    (number as f64).ln_1p() as f32
}
