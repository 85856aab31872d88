use tch::{Device, Kind, Tensor};

/// Base of the wave lengths.
const TEMPERATURE: f64 = 10_000.0;

/// Fixed positions on a grid of patches, `[1, grid², width]` f32.
///
/// ```text
/// [sin(x ω), cos(x ω), sin(y ω), cos(y ω)],   ω_i = 10000^(−i / (width/4 − 1)), i < width/4
/// ```
/// Source: MoCo v3 (Chen et al. 2021, arXiv 2104.02057), as AlgoPerf has it.
pub(super) fn sines_and_cosines(grid: i64, width: i64) -> Tensor {
    let options = (Kind::Float, Device::Cpu);
    let exponents = Tensor::arange(width / 4, options) / (width / 4 - 1) as f64;
    let omega = Tensor::from(TEMPERATURE as f32)
        .pow(&exponents)
        .reciprocal();
    let waves = Tensor::arange(grid, options).outer(&omega);
    // Patches are numbered along the rows of the picture.
    let x = waves.repeat([grid, 1]);
    let y = waves.repeat_interleave_self_int(grid, 0, None);
    Tensor::cat(&[x.sin(), x.cos(), y.sin(), y.cos()], 1).unsqueeze(0)
}
