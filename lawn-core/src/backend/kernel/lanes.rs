//! Vectors of elements, as wide as the machine has them.

/// An element kind that the kernels compute in.
pub(crate) trait Element:
    Copy + Send + Sync + Default + std::fmt::Debug + PartialEq + 'static
{
    /// The widest vectors.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<Element = Self>;
    /// The next.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<Element = Self>;
    /// Those of any machine.
    type Portable: Lanes<Element = Self>;
    /// One element.
    type Single: Lanes<Element = Self>;

    /// The largest finite number.
    const MAX: Self;

    fn from_f64(x: f64) -> Self;
}

/// A vector of [`N`](Lanes::N) elements.
///
/// Every method is inlined into a function that enables the instructions it needs. None may be
/// called from anywhere else.
///
/// # Safety
///
/// All methods: the running machine has the instructions of the implementing
/// type. [`load`](Lanes::load) and [`store`](Lanes::store): the pointer is
/// valid for `N` elements, or for the first `n` that are asked for; no alignment
/// is needed beyond that of an element.
pub(crate) trait Lanes: Copy {
    type Element: Element;
    /// Partial sums in f64: so many that one addition need not wait for another.
    type Sum: Copy;
    const N: usize;

    unsafe fn splat(x: Self::Element) -> Self;
    unsafe fn load(p: *const Self::Element) -> Self;
    unsafe fn store(self, p: *mut Self::Element);
    /// The first `n < N` lanes, and 0 in the others.
    unsafe fn first(self, n: usize) -> Self;
    /// Loads the first `n < N` lanes, and 0 into the others.
    unsafe fn load_first(p: *const Self::Element, n: usize) -> Self;
    /// Stores the first `n < N` lanes.
    unsafe fn store_first(self, p: *mut Self::Element, n: usize);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn max(self, b: Self) -> Self;
    unsafe fn min(self, b: Self) -> Self;
    /// `self · b + c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// `self`, and 0 where `divisor` is 0.
    unsafe fn or_zero(self, divisor: Self) -> Self;

    unsafe fn zero() -> Self::Sum;
    /// `sum + self · b`, in f64, where the product of two f32 is exact.
    unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum;
    /// The partial sums added up, always in the same order.
    unsafe fn total(sum: Self::Sum) -> f64;
}

/// `N` elements as an array: one at a time, or for the compiler to vectorize.
#[derive(Clone, Copy)]
pub(crate) struct Array<E, const N: usize>([E; N]);

macro_rules! array_lanes {
    ($element:ty) => {
        impl<const N: usize> Lanes for Array<$element, N> {
            type Element = $element;
            type Sum = [f64; N];
            const N: usize = N;

            #[inline(always)]
            unsafe fn splat(x: $element) -> Self {
                Self([x; N])
            }
            #[inline(always)]
            unsafe fn load(p: *const $element) -> Self {
                // SAFETY: the caller gives a pointer that is valid for N elements.
                Self(unsafe { p.cast::<[$element; N]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $element) {
                // SAFETY: the caller gives a pointer that is valid for N elements.
                unsafe { p.cast::<[$element; N]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn first(self, n: usize) -> Self {
                Self(std::array::from_fn(|i| if i < n { self.0[i] } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $element, n: usize) -> Self {
                Self(std::array::from_fn(|i| match i < n {
                    // SAFETY: the caller gives a pointer that is valid for n elements.
                    true => unsafe { *p.add(i) },
                    false => 0.0,
                }))
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $element, n: usize) {
                for (i, x) in self.0.into_iter().enumerate().take(n) {
                    // SAFETY: the caller gives a pointer that is valid for n elements.
                    unsafe { *p.add(i) = x };
                }
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + b.0[i]))
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * b.0[i]))
            }
            #[inline(always)]
            unsafe fn div(self, b: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] / b.0[i]))
            }
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                Self(self.0.map(<$element>::sqrt))
            }
            #[inline(always)]
            unsafe fn max(self, b: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if self.0[i] > b.0[i] {
                        self.0[i]
                    } else {
                        b.0[i]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn min(self, b: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if self.0[i] < b.0[i] {
                        self.0[i]
                    } else {
                        b.0[i]
                    }
                }))
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // This rounds twice. A machine without the instruction would call a function to
                // round once.
                Self(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
            }
            #[inline(always)]
            unsafe fn or_zero(self, divisor: Self) -> Self {
                Self(std::array::from_fn(|i| {
                    if divisor.0[i] == 0.0 { 0.0 } else { self.0[i] }
                }))
            }
            #[inline(always)]
            unsafe fn zero() -> Self::Sum {
                [0.0; N]
            }
            #[inline(always)]
            unsafe fn dot(self, b: Self, sum: Self::Sum) -> Self::Sum {
                std::array::from_fn(|i| sum[i] + f64::from(self.0[i]) * f64::from(b.0[i]))
            }
            #[inline(always)]
            unsafe fn total(sum: Self::Sum) -> f64 {
                sum.iter().sum()
            }
        }
    };
}

array_lanes!(f32);
array_lanes!(f64);
