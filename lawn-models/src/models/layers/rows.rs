//! Rows of tables, by `cpp/rows.cpp` and `cpp/two_rows.cpp`.

use std::ffi::{c_char, c_void};
use std::ptr;

use lawn_core::Determinism;
use tch::Tensor;

use super::native::{made, raw};

unsafe extern "C" {
    fn lawn_row_gradient() -> *mut c_void;
    fn lawn_free_row_gradient(memory: *mut c_void);
    fn lawn_look_up_suits(table: *mut c_void) -> bool;
    fn lawn_look_up(
        table: *mut c_void,
        rows: *mut c_void,
        first: *mut c_void,
        memory: *mut c_void,
        found: *mut *mut c_void,
    ) -> *mut c_char;
    fn lawn_two_rows_suits(a: *mut c_void, b: *mut c_void) -> bool;
    fn lawn_two_rows(
        a: *mut c_void,
        b: *mut c_void,
        rows_a: *mut c_void,
        rows_b: *mut c_void,
        product: bool,
        memory_a: *mut c_void,
        memory_b: *mut c_void,
        found: *mut *mut c_void,
    ) -> *mut c_char;
}

/// Looks up rows of one table.
///
/// ```text
/// y[n, c] = table[rows[n, c]]        table: [rows, width], rows: [N, C] i64, y: [N, C, width]
/// ```
/// On the CPU in f32 the gradient of the table is added up by all threads, each row in the order
/// of its samples, in memory that is kept from one step to the next: only those rows are set to 0
/// that the last step had looked up. Elsewhere it is libtorch's `index_select`, or where libtorch is to
/// be deterministic its `embedding`.
///
/// *Differs from* `index_select` in that no gradient of the gradient is known on the CPU in f32.
///
/// ```
/// use lawn_models::models::layers::Lookup;
/// use tch::{Kind, Tensor};
///
/// let table = Tensor::from_slice(&[1f32, 2.0, 3.0]).view([3, 1]).set_requires_grad(true);
/// let lookup = Lookup::new();
/// let rows = Tensor::from_slice(&[2i64, 0, 2, 2]).view([2, 2]);
/// let found = lookup.forward(&table, &rows, None);
/// assert_eq!(found, Tensor::from_slice(&[3f32, 1.0, 3.0, 3.0]).view([2, 2, 1]));
/// found.sum(Kind::Float).backward();
/// assert_eq!(table.grad(), Tensor::from_slice(&[1f32, 0.0, 3.0]).view([3, 1]));
/// ```
///
/// # Panics
/// On the CPU in f32, `backward` if it is asked for the gradient of the gradient, or if the row
/// numbers were changed in place since `forward`.
#[derive(Debug)]
pub struct Lookup {
    /// Where the gradient of the table is kept: a shared pointer of C++.
    memory: *mut c_void,
}

// SAFETY: whoever has the pointer is the only one who copies or frees it. Graphs of autograd share
// what it points to, which has a lock.
unsafe impl Send for Lookup {}

impl Lookup {
    /// For one table, which all calls are about.
    pub fn new() -> Self {
        // SAFETY: it takes nothing, and what it gives is freed once, by `drop`.
        let memory = unsafe { lawn_row_gradient() };
        Self { memory }
    }

    /// `[N, C]` i64 to `[N, C, width]`; with `first`, `[N, width]`, to `[N, 1 + C, width]`, where
    /// it comes first.
    ///
    /// # Panics
    /// If a row is not in the table, or the sizes do not fit.
    pub fn forward(&self, table: &Tensor, rows: &Tensor, first: Option<&Tensor>) -> Tensor {
        // SAFETY: the table is borrowed during the call.
        let suits = unsafe { lawn_look_up_suits(raw(table)) };
        if suits && first.is_none_or(|first| first.kind() == table.kind()) {
            let first = first.map_or(ptr::null_mut(), raw);
            // SAFETY: all are borrowed during the call, and C++ shares what `memory` points to.
            return made(|found| unsafe {
                lawn_look_up(raw(table), raw(rows), first, self.memory, found)
            });
        }
        let (samples, columns) = rows.size2().expect("row numbers are [N, C]");
        let in_order = Determinism::of_this_process().algorithms;
        let found = by_libtorch(table, &rows.reshape([-1]), in_order);
        behind(first, &found.view([samples, columns, table.size()[1]]))
    }
}

/// Rows by libtorch's operations. The gradient of `embedding` sorts the rows on an accelerator and
/// adds each up in parts of a fixed order, where that of `index_select` adds them as they come.
fn by_libtorch(table: &Tensor, rows: &Tensor, in_order: bool) -> Tensor {
    match in_order {
        true => Tensor::embedding(table, rows, -1, false, false),
        false => table.index_select(0, rows),
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // SAFETY: it is of `lawn_row_gradient` and not freed yet.
        unsafe { lawn_free_row_gradient(self.memory) };
    }
}

/// Looks up a row of one table and a row of another.
///
/// ```text
/// product        y[n] = a[rows_a[n]] ∘ b[rows_b[n]]
/// relu_of_sum    y[n] = max(a[rows_a[n]] + b[rows_b[n]], 0)
/// ```
/// a, b: `[rows of each, width]`; rows: `[N]` i64; y: `[N, width]`. As with [`Lookup`], on the CPU in
/// f32 each is one pass over memory, and a gradient costs as much as the rows that were looked up.
///
/// ```
/// use lawn_models::models::layers::TwoLookups;
/// use tch::Tensor;
///
/// let users = Tensor::from_slice(&[1f32, 2.0, 3.0]).view([3, 1]);
/// let items = Tensor::from_slice(&[10f32, -20.0]).view([2, 1]);
/// let rows = [Tensor::from_slice(&[2i64, 0]), Tensor::from_slice(&[0i64, 1])];
/// let [a, b] = &rows;
/// let lookups = TwoLookups::default();
/// let product = lookups.product([&users, &items], [a, b]);
/// assert_eq!(product, Tensor::from_slice(&[30f32, -20.0]).view([2, 1]));
/// let sum = lookups.relu_of_sum([&users, &items], [a, b]);
/// assert_eq!(sum, Tensor::from_slice(&[13f32, 0.0]).view([2, 1]));
/// ```
///
/// # Panics
/// All, if a row is not in its table, or the sizes do not fit. On the CPU in f32, `backward` if it
/// is asked for the gradient of the gradient, or if what it reads was changed in place since
/// `forward`: row numbers, the tables of a product, the ReLU's output.
#[derive(Debug, Default)]
pub struct TwoLookups {
    sides: [Lookup; 2],
}

impl TwoLookups {
    /// The product of both rows.
    pub fn product(&self, tables: [&Tensor; 2], rows: [&Tensor; 2]) -> Tensor {
        self.combined(tables, rows, true).unwrap_or_else(|| {
            let [a, b] = self.each(tables, rows);
            a * b
        })
    }

    /// The ReLU of the sum of both rows.
    pub fn relu_of_sum(&self, tables: [&Tensor; 2], rows: [&Tensor; 2]) -> Tensor {
        self.combined(tables, rows, false).unwrap_or_else(|| {
            let [a, b] = self.each(tables, rows);
            (a + b).relu_()
        })
    }

    /// Both rows, `[N, width]` each; the widths may differ.
    pub fn each(&self, tables: [&Tensor; 2], rows: [&Tensor; 2]) -> [Tensor; 2] {
        [0, 1].map(|side| {
            let found = self.sides[side].forward(tables[side], &rows[side].unsqueeze(1), None);
            found.squeeze_dim(1)
        })
    }

    fn combined(&self, tables: [&Tensor; 2], rows: [&Tensor; 2], product: bool) -> Option<Tensor> {
        let ([a, b], [rows_a, rows_b]) = (tables.map(raw), rows.map(raw));
        // SAFETY: the tables are borrowed during the call.
        if !unsafe { lawn_two_rows_suits(a, b) } {
            return None;
        }
        let [of_a, of_b] = &self.sides;
        // SAFETY: all are borrowed during the call, and C++ shares what the memories point to.
        Some(made(|found| unsafe {
            lawn_two_rows(
                a,
                b,
                rows_a,
                rows_b,
                product,
                of_a.memory,
                of_b.memory,
                found,
            )
        }))
    }
}

/// `[N, width]`, if there is one, before `[N, C, width]`.
pub(crate) fn behind(first: Option<&Tensor>, others: &Tensor) -> Tensor {
    match first {
        Some(first) => Tensor::cat(&[&first.unsqueeze(1), others], 1),
        None => others.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn table() -> Tensor {
        let values = Tensor::arange(40, (Kind::Float, Device::Cpu)).view([10, 4]);
        (values * 0.1 - 2.0).set_requires_grad(true)
    }

    fn rows(numbers: &[i64]) -> Tensor {
        Tensor::from_slice(numbers).view([-1, 2])
    }

    /// A loss whose gradient differs from element to element.
    fn loss(found: &Tensor) -> Tensor {
        let weights = Tensor::arange(found.numel() as i64, (Kind::Float, Device::Cpu));
        (found * weights.view(&found.size()[..]).sin()).sum(Kind::Float)
    }

    fn expected(parts: &[&Tensor]) -> Tensor {
        let table = table();
        for rows in parts {
            let found = table.index_select(0, &rows.view(-1)).view([-1, 2, 4]);
            loss(&found).backward();
        }
        table.grad()
    }

    fn close(a: &Tensor, b: &Tensor) -> bool {
        (a - b).abs().max().double_value(&[]) < 1e-6
    }

    /// Step after step with other rows, as training has it; a step of two parts; and one after
    /// somebody has written to a gradient.
    #[test]
    fn gradients_are_those_of_index_select_step_after_step() {
        let (mut table, lookup) = (table(), Lookup::new());
        let [a, b, c] = [
            rows(&[1, 1, 3, 7, 1, 9]),
            rows(&[0, 3, 3, 5]),
            rows(&[9, 2, 2, 2]),
        ];
        let mut step = |parts: &[&Tensor], spoilt: bool| {
            table.zero_grad();
            table = table.detach().set_requires_grad(true);
            for rows in parts {
                loss(&lookup.forward(&table, rows, None)).backward();
            }
            let gradient = table.grad();
            assert!(close(&gradient, &expected(parts)));
            if spoilt {
                let mut gradient = gradient;
                let _ = gradient.fill_(7.0);
            }
        };
        step(&[&a], false);
        step(&[&b], false);
        step(&[&c, &a], false);
        step(&[&c], true);
        step(&[&b], false);
        step(&[&a, &b, &c], false);
        step(&[&b], false);
    }

    /// Of the operation for accelerators where bits are to repeat: as the kernel, which adds each row
    /// up in the order of its samples, and as itself.
    #[test]
    fn gradients_in_order_are_those_of_the_kernel() {
        let numbers: Vec<i64> = (0..4_000).map(|n| n * n * 31 % 9).collect();
        let flat = Tensor::from_slice(&numbers);
        let gradient = |found: &dyn Fn(&Tensor) -> Tensor, kind| {
            let table = table().detach().to_kind(kind).set_requires_grad(true);
            loss(&found(&table)).backward();
            table.grad()
        };
        let in_order = |table: &Tensor| by_libtorch(table, &flat, true).view([-1, 2, 4]);
        let lookup = Lookup::new();
        let kernel = |table: &Tensor| lookup.forward(table, &flat.view([-1, 2]), None);
        let expected = gradient(&kernel, Kind::Float);
        let found = gradient(&in_order, Kind::Float);
        assert!((&found - &expected).abs().max().double_value(&[]) < 1e-4);
        assert_eq!(found, gradient(&in_order, Kind::Float));
        let exact = gradient(&in_order, Kind::Double);
        let taken = |table: &Tensor| by_libtorch(table, &flat, false).view([-1, 2, 4]);
        let apart = (exact - gradient(&taken, Kind::Double)).abs().max();
        assert!(apart.double_value(&[]) < 1e-10);
    }

    #[test]
    fn what_comes_first_has_its_gradient_too() {
        let (table, lookup) = (table(), Lookup::new());
        let first = Tensor::ones([3, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let rows = rows(&[1, 1, 3, 7, 1, 9]);
        let found = lookup.forward(&table, &rows, Some(&first));
        loss(&found).backward();
        let (own, whole) = (table.grad(), first.grad());

        let (table, first) = (self::table(), first.detach().set_requires_grad(true));
        let plain = table.index_select(0, &rows.view(-1)).view([3, 2, 4]);
        let plain = behind(Some(&first), &plain);
        assert_eq!(plain, found);
        loss(&plain).backward();
        assert!(close(&own, &table.grad()) && close(&whole, &first.grad()));
    }

    #[test]
    fn two_rows_at_once_are_two_look_ups() {
        let other = || (table().detach().narrow(0, 0, 6) * 0.7 + 0.3).set_requires_grad(true);
        let lookups = TwoLookups::default();
        for numbers in [[1i64, 1, 3, 5, 1, 0], [0, 2, 2, 4, 5, 5]] {
            let rows_a = Tensor::from_slice(&numbers);
            let rows_b = (&rows_a * 5).remainder(6);
            let rows = [&rows_a, &rows_b];
            for product in [true, false] {
                let run = |at_once: bool| {
                    let (a, b) = (table(), other());
                    let found = match (at_once, product) {
                        (true, true) => lookups.product([&a, &b], rows),
                        (true, false) => lookups.relu_of_sum([&a, &b], rows),
                        (false, product) => {
                            let (a, b) = (a.index_select(0, &rows_a), b.index_select(0, &rows_b));
                            if product { a * b } else { (a + b).relu() }
                        }
                    };
                    loss(&found).backward();
                    [found, a.grad(), b.grad()]
                };
                for (found, expected) in run(true).iter().zip(&run(false)) {
                    assert!(close(found, expected), "{product}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_batch_without_samples_and_a_table_without_features_have_their_shapes() {
        let none = Tensor::zeros([0, 2], (Kind::Int64, Device::Cpu));
        for kind in [Kind::Float, Kind::Double] {
            let table = table().to_kind(kind);
            let found = Lookup::new().forward(&table, &none, None);
            assert_eq!(found.size(), [0, 2, 4], "{kind:?}");
        }
        let narrow = Tensor::zeros([10, 0], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let found = Lookup::new().forward(&narrow, &rows(&[1, 9]), None);
        found.sum(Kind::Float).backward();
        assert_eq!(
            [found.size(), narrow.grad().size()],
            [vec![1, 2, 0], vec![10, 0]]
        );
        let one = rows(&[1, 9]).view(-1);
        let found = TwoLookups::default().product([&narrow, &narrow], [&one, &one]);
        assert_eq!(found.size(), [2, 0]);
    }

    /// They are checked in `forward` alone.
    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn row_numbers_do_not_change_before_their_gradients() {
        let mut rows = rows(&[0, 9]);
        let found = Lookup::new().forward(&table(), &rows, None);
        let _ = rows.fill_(1 << 40);
        found.sum(Kind::Float).backward();
    }

    #[test]
    #[should_panic(expected = "modified by an inplace operation")]
    fn row_numbers_of_two_tables_do_not_change_before_their_gradients() {
        let (table, mut rows) = (table(), rows(&[0, 9]).view(-1));
        let found = TwoLookups::default().relu_of_sum([&table, &table], [&rows, &rows.copy()]);
        let _ = rows.fill_(1 << 40);
        found.sum(Kind::Float).backward();
    }

    #[test]
    #[should_panic(expected = "no gradient of the gradient is known")]
    fn a_gradient_of_the_gradient_is_refused() {
        let table = table();
        let found = Lookup::new().forward(&table, &rows(&[0, 9]), None);
        let _ = Tensor::run_backward(&[found.square().sum(Kind::Float)], &[&table], true, true);
    }

    #[test]
    #[should_panic(expected = "as many rows of one table as of the other, not 2 and 1")]
    fn as_many_rows_of_both_tables_are_asked_for() {
        let (table, rows) = (table(), rows(&[0, 9]).view(-1));
        let _ = TwoLookups::default().product([&table, &table], [&rows, &rows.narrow(0, 0, 1)]);
    }

    #[test]
    #[should_panic(expected = "what comes first is [N, width] f32 on the CPU, not [1, 3]")]
    fn what_comes_first_is_as_wide_as_the_table() {
        let first = Tensor::zeros([1, 3], (Kind::Float, Device::Cpu));
        let _ = Lookup::new().forward(&table(), &rows(&[0, 9]), Some(&first));
    }

    #[test]
    #[should_panic(expected = "row 10 of a table of 10 rows")]
    fn a_row_that_is_not_there_is_named() {
        let _ = Lookup::new().forward(&table(), &rows(&[0, 10]), None);
    }
}
