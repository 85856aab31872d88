//! Mixed precision by autocast, by `cpp/autocast.cpp`.

use std::marker::PhantomData;

use tch::Device;

unsafe extern "C" {
    fn lawn_autocast(cuda: bool, enabled: *mut bool, kind: *mut i32);
    fn lawn_set_autocast(cuda: bool, enabled: bool, kind: i32);
    fn lawn_autocast_begin();
    fn lawn_autocast_end();
}

/// A kind of numbers that autocast casts to, with its number in `c10/core/ScalarType.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HalfKind {
    /// 5 bits of exponent, 10 of fraction: gradients need a scaled loss.
    F16 = 5,
    /// 8 bits of exponent, 7 of fraction: the range of f32.
    Bf16 = 15,
}

/// A region in which libtorch computes what it can in a half-precision kind; weights stay f32.
///
/// Matrix products and convolutions are cast; sums, norms and losses are not. It ends when this is
/// dropped, by a panic too, and whatever held before holds again. The switches are those of a
/// thread, so this stays in the one that made it. Forward pass and loss belong into it, `backward`
/// and the optimizer do not.
///
/// *Differs from* `tch::autocast`: it works on the CPU too, names its kind, and survives a panic.
///
/// ```
/// use lawn_models::{Autocast, HalfKind};
/// use tch::{Device, Kind, Tensor};
///
/// let weight = Tensor::ones([4, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let input = Tensor::ones([3, 4], (Kind::Float, Device::Cpu));
/// let loss = {
///     let _region = Autocast::begin(Device::Cpu, HalfKind::Bf16);
///     input.matmul(&weight).sum(Kind::Float)
/// };
/// loss.backward();
/// assert_eq!(weight.grad().kind(), Kind::Float);
/// ```
#[derive(Debug)]
pub struct Autocast {
    cuda: bool,
    before: (bool, i32),
    _of_this_thread: PhantomData<*const ()>,
}

impl Autocast {
    /// Begins a region for operations on this device.
    pub fn begin(device: Device, kind: HalfKind) -> Self {
        let cuda = matches!(device, Device::Cuda(_));
        let before = switches(cuda);
        // SAFETY: both write to this thread's own switches; the kind is one of libtorch's.
        unsafe {
            lawn_set_autocast(cuda, true, kind as i32);
            lawn_autocast_begin();
        }
        Self {
            cuda,
            before,
            _of_this_thread: PhantomData,
        }
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        let (enabled, kind) = self.before;
        // SAFETY: as in `begin`; each region is ended once, in the thread that began it.
        unsafe {
            lawn_autocast_end();
            lawn_set_autocast(self.cuda, enabled, kind);
        }
    }
}

/// Whether autocast is on in this thread, and the number of the kind that it casts to.
fn switches(cuda: bool) -> (bool, i32) {
    let (mut enabled, mut kind) = (false, 0);
    // SAFETY: both are valid to write to for as long as the call takes.
    unsafe { lawn_autocast(cuda, &raw mut enabled, &raw mut kind) };
    (enabled, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Kind, Tensor};

    fn product() -> Tensor {
        let one = Tensor::ones([4, 4], (Kind::Float, Device::Cpu));
        one.matmul(&one)
    }

    #[test]
    fn a_region_computes_in_its_kind_and_ends() {
        let before = switches(false);
        {
            let _outer = Autocast::begin(Device::Cpu, HalfKind::Bf16);
            assert_eq!(product().kind(), Kind::BFloat16);
            {
                let _inner = Autocast::begin(Device::Cpu, HalfKind::F16);
                assert_eq!(product().kind(), Kind::Half);
            }
            assert_eq!(product().kind(), Kind::BFloat16);
        }
        assert_eq!(product().kind(), Kind::Float);
        assert_eq!(switches(false), before);
    }

    #[test]
    fn a_region_for_one_type_of_device_leaves_the_other_alone() {
        let _region = Autocast::begin(Device::Cuda(0), HalfKind::Bf16);
        assert_eq!(product().kind(), Kind::Float);
    }

    #[test]
    fn a_panic_ends_a_region() {
        let before = switches(false);
        let thrown = std::panic::catch_unwind(|| {
            let _region = Autocast::begin(Device::Cpu, HalfKind::Bf16);
            panic!("on purpose");
        });
        assert!(thrown.is_err());
        assert_eq!(switches(false), before);
    }

    /// The copies of a region would otherwise be those of weights that have moved on.
    #[test]
    fn a_region_sees_weights_as_they_are() {
        let weight = Tensor::ones([2, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let input = Tensor::ones([1, 2], (Kind::Float, Device::Cpu));
        let answer = || {
            let _region = Autocast::begin(Device::Cpu, HalfKind::Bf16);
            input.matmul(&weight).sum(Kind::Float).double_value(&[])
        };
        assert_eq!(answer(), 4.0);
        let _ = tch::no_grad(|| weight.shallow_clone().fill_(2.0));
        assert_eq!(answer(), 8.0);
    }
}
