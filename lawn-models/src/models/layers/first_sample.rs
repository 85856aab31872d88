//! The number of the first sample of a batch, where a device has it itself.
//!
//! A graph that is captured has its numbers for good. So what differs from step to step has to be read
//! from memory of the device.

use std::cell::RefCell;
use std::marker::PhantomData;

use tch::Tensor;

thread_local! {
    static FIRST: RefCell<Option<Tensor>> = const { RefCell::new(None) };
}

/// Until this is dropped, forward passes of this thread take the number of the first sample from a
/// tensor, in place of the one that [`Mode::Train`](crate::models::Mode::Train) has.
#[derive(Debug)]
pub(crate) struct FirstSample(PhantomData<*const ()>);

impl FirstSample {
    /// The number is an i64 without dimensions, on the device of the model.
    pub(crate) fn of(number: &Tensor) -> Self {
        FIRST.set(Some(number.shallow_clone()));
        Self(PhantomData)
    }
}

impl Drop for FirstSample {
    fn drop(&mut self) {
        FIRST.set(None);
    }
}

/// That tensor, if there is one.
pub(crate) fn first_there() -> Option<Tensor> {
    FIRST.with_borrow(|first| first.as_ref().map(Tensor::shallow_clone))
}

/// [`at`](crate::random::at) of each place, in operations of libtorch: the bits of a u64 as i64.
pub(super) fn at_there(key: u64, places: &Tensor) -> Tensor {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    // The shift brings the sign in from the left.
    let folded = |z: &Tensor, by: i64| {
        let high = z.bitwise_right_shift_tensor_scalar(by);
        z.bitwise_xor_tensor(&high.bitwise_and((1i64 << (64 - by)) - 1))
    };
    let z = places * STEP as i64 + key.wrapping_add(STEP) as i64;
    let z = folded(&z, 30) * 0xbf58_476d_1ce4_e5b9u64 as i64;
    let z = folded(&z, 27) * 0x94d0_49bb_1331_11ebu64 as i64;
    folded(&z, 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::at;

    #[test]
    fn a_device_has_the_numbers_of_the_host() {
        for key in [0, 7, u64::MAX, 1 << 63] {
            let places = [0i64, 1, 2, 1 << 40, i64::MAX];
            let found = at_there(key, &Tensor::from_slice(&places));
            let found = Vec::<i64>::try_from(found).unwrap();
            let expected = places.map(|place| at(key, place as u64) as i64);
            assert_eq!(found, expected);
        }
    }
}
