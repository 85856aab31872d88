use super::image::CHANNELS;

/// Mean and standard deviation of each channel, in parts of 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: [f64; CHANNELS],
    pub(crate) deviation: [f64; CHANNELS],
}
