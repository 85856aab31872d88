//! The vectors of each element kind.

use super::lanes::{Array, Element};

macro_rules! element {
    ($element:ty, $avx512:ident, $avx2:ident, $portable:literal) => {
        impl Element for $element {
            #[cfg(target_arch = "x86_64")]
            type Avx512 = super::x86::$avx512;
            #[cfg(target_arch = "x86_64")]
            type Avx2 = super::x86::$avx2;
            type Portable = Array<$element, $portable>;
            type Single = Array<$element, 1>;

            const MAX: Self = <$element>::MAX;

            fn from_f64(x: f64) -> Self {
                x as $element
            }
        }
    };
}

element!(f32, F32x16, F32x8, 8);
element!(f64, F64x8, F64x4, 4);
