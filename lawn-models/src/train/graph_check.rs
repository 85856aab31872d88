//! One step by a graph and once more without it, from the same state.

use lawn_core::Determinism;
use tch::{Device, Kind, Tensor};

use crate::device::DeviceMemory;

/// How far apart losses and gradients may be where operations do not repeat their bits, relative to the
/// loss and to the norm of each gradient. What is wrong with a graph, such as numbers of the step
/// before, is not small.
const TOLERANCE: f64 = 0.02;

/// The least that the norm of a gradient counts as, relative to that of all: the gradients of some
/// parameters are nothing but rounding.
const LEAST: f64 = 0.01;

/// Names and tensors.
pub(super) type Named = Vec<(String, Tensor)>;

/// A step that can be computed both ways.
pub(super) struct BothWays<'a> {
    /// What a pass writes beside gradients: running statistics.
    pub(super) statistics: Named,
    /// What the optimizer's launches write; empty where they are not in the graph.
    pub(super) memory: Named,
    /// Where the graph leaves gradients.
    pub(super) gradients: Named,
    /// Carries out the graph, and answers where it leaves the loss.
    pub(super) replay: &'a dyn Fn() -> Tensor,
    /// Computes the pass without, and answers the loss and the gradients, in the order of those above;
    /// one that is not there is not defined.
    pub(super) pass: &'a dyn Fn() -> (Tensor, Vec<Tensor>),
    /// Carries out the optimizer's launches, which read the gradients above.
    pub(super) update: Option<&'a dyn Fn()>,
}

/// Whether operations of this process repeat their bits, so that both ways have the same.
pub(super) fn has_same_bits() -> bool {
    Determinism::of_this_process().algorithms
}

impl BothWays<'_> {
    /// Computes the step both ways. Answers its loss, and what was different, if anything was.
    ///
    /// The optimizer's launches have the same bits in any case, for the same gradients: they take the
    /// graph's, or where these are not right those of the pass without. So what is left is a step that
    /// is right, whatever was found.
    pub(super) fn compare(&self, same_bits: bool) -> (Tensor, Option<String>) {
        let _guard = tch::no_grad_guard();
        let all = [&self.statistics, &self.memory, &self.gradients];
        let at = Place::with_room(all);
        let before = all.map(|of| Kept::new(of, at));
        let loss = at.copy(&(self.replay)());
        let after = all.map(|of| Kept::new(of, at));
        before.iter().for_each(Kept::put_back);
        drop(before);
        let (loss_without, gradients) = tch::with_grad(|| (self.pass)());
        let gradients: Vec<Tensor> = gradients.iter().map(|one| at.see(one)).collect();
        let mut found = differs(&loss, &at.see(&loss_without), same_bits, 0.0)
            .then(|| "the loss".to_owned())
            .or_else(|| self.differing_gradient(&after[2], &gradients, same_bits))
            .or_else(|| after[0].differing(same_bits));
        match found {
            None => after[2].put_back(),
            Some(_) => {
                let places = self.gradients.iter().zip(&gradients);
                for ((_, place), gradient) in places.filter(|(_, one)| one.defined()) {
                    place.shallow_clone().copy_(gradient);
                }
            }
        }
        if let Some(update) = self.update {
            update();
            if found.is_none() {
                found = after[1].differing(true);
            }
        }
        (loss_without, found)
    }

    fn differing_gradient(
        &self,
        by_graph: &Kept,
        without: &[Tensor],
        same_bits: bool,
    ) -> Option<String> {
        let squares = without.iter().filter(|one| one.defined());
        let whole = squares.map(|one| norm(one).powi(2)).sum::<f64>().sqrt();
        let pairs = by_graph.copies.iter().zip(without).zip(&self.gradients);
        let mut apart = pairs.filter(|((one, other), _)| {
            !other.defined() || differs(one, other, same_bits, LEAST * whole)
        });
        let (_, (name, _)) = apart.next()?;
        Some(format!("the gradient of `{name}`"))
    }
}

/// Where copies are.
#[derive(Clone, Copy)]
enum Place {
    /// Beside what they are of.
    Beside,
    /// On the host, where they take nothing from a device.
    Host,
}

/// How often all of it has to have room beside itself: two copies, and what comparisons make.
const ROOM: u64 = 4;

impl Place {
    /// The nearest that has room for copies of all this.
    fn with_room(all: [&Named; 3]) -> Self {
        let tensors = || all.into_iter().flatten().map(|(_, one)| one);
        let device = tensors().map(Tensor::device).find(|at| at.is_cuda());
        let Some(memory) = device.and_then(DeviceMemory::of) else {
            return Self::Beside;
        };
        let bytes = |one: &Tensor| one.numel() as u64 * one.kind().elt_size_in_bytes() as u64;
        match memory.free / ROOM > tensors().map(bytes).sum() {
            true => Self::Beside,
            false => Self::Host,
        }
    }

    fn copy(self, tensor: &Tensor) -> Tensor {
        match self {
            Self::Host if tensor.device() != Device::Cpu => self.see(tensor),
            _ => tensor.detach().copy(),
        }
    }

    /// A tensor, if it is one, where it can be compared with copies.
    fn see(self, tensor: &Tensor) -> Tensor {
        match self {
            _ if !tensor.defined() => Tensor::new(),
            Self::Beside => tensor.detach(),
            Self::Host => tensor.detach().to_device(Device::Cpu),
        }
    }
}

/// Copies of memory that is written to.
struct Kept<'a> {
    of: &'a Named,
    copies: Vec<Tensor>,
    at: Place,
}

impl<'a> Kept<'a> {
    fn new(of: &'a Named, at: Place) -> Self {
        Self {
            copies: of.iter().map(|(_, one)| at.copy(one)).collect(),
            of,
            at,
        }
    }

    fn put_back(&self) {
        for ((_, place), copy) in self.of.iter().zip(&self.copies) {
            place.detach().copy_(copy);
        }
    }

    /// The first that is not as it was, by name.
    fn differing(&self, same_bits: bool) -> Option<String> {
        let pairs = self.of.iter().zip(&self.copies);
        let mut apart =
            pairs.filter(|((_, one), copy)| differs(copy, &self.at.see(one), same_bits, 0.0));
        let ((name, _), _) = apart.next()?;
        Some(name.clone())
    }
}

fn norm(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).norm().double_value(&[])
}

/// Whether one is not the other, which lies beside it: in any bit, or by more than rounding, of which `least`
/// is what a norm counts as at the least. What is no number is the same only in all its bits.
fn differs(one: &Tensor, other: &Tensor, same_bits: bool, least: f64) -> bool {
    if one.size() != other.size() || one.kind() != other.kind() {
        return true;
    }
    if has_bits_of(one, other) {
        return false;
    }
    if same_bits || !one.is_floating_point() {
        return true;
    }
    let apart = norm(&(one.to_kind(Kind::Double) - other.to_kind(Kind::Double)));
    let is_near = apart <= TOLERANCE * norm(other).max(least);
    !is_near
}

fn has_bits_of(one: &Tensor, other: &Tensor) -> bool {
    let bits = match one.kind() {
        Kind::Double => Kind::Int64,
        Kind::Float => Kind::Int,
        Kind::Half | Kind::BFloat16 => Kind::Int16,
        _ => return one.equal(other),
    };
    one.view_dtype(bits).equal(&other.view_dtype(bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn numbers(all: &[f32]) -> Tensor {
        Tensor::from_slice(all)
    }

    /// Gradient descent on `w`, with a statistic beside it; what a graph is made to do wrong.
    #[derive(Clone, Copy, Default)]
    struct Wrong {
        loss: f32,
        gradient: f32,
        statistic: f32,
        update: f32,
        no_gradient: bool,
    }

    /// What a comparison finds, and weights, statistic and loss after it.
    fn compared(wrong: Wrong, same_bits: bool, updates: bool) -> (Option<String>, [Vec<f32>; 3]) {
        let (w, statistic) = (numbers(&[1.0, 2.0]), numbers(&[5.0]));
        let gradient = numbers(&[0.0, 0.0]);
        let replays = Cell::new(0);
        let pass = |off: f32| {
            let _ = statistic.shallow_clone().g_add_scalar_(1.0);
            (numbers(&[7.0 + off]), &w * 3.0)
        };
        let step = |off: f32| {
            let _ = w
                .shallow_clone()
                .g_sub_(&(&gradient * 0.5 + f64::from(off)));
        };
        let launches = || step(0.0);
        let both = BothWays {
            statistics: vec![("statistic".into(), statistic.shallow_clone())],
            memory: match updates {
                true => vec![("w".into(), w.shallow_clone())],
                false => Vec::new(),
            },
            gradients: vec![("w".into(), gradient.shallow_clone())],
            replay: &|| {
                replays.set(replays.get() + 1);
                let (loss, found) = pass(wrong.loss);
                gradient
                    .shallow_clone()
                    .copy_(&(found + f64::from(wrong.gradient)));
                let _ = statistic
                    .shallow_clone()
                    .g_add_scalar_(f64::from(wrong.statistic));
                if updates {
                    step(wrong.update);
                }
                loss
            },
            pass: &|| {
                let (loss, found) = pass(0.0);
                let found = if wrong.no_gradient {
                    Tensor::new()
                } else {
                    found
                };
                (loss, vec![found])
            },
            update: updates.then_some(&launches),
        };
        let (loss, found) = both.compare(same_bits);
        assert_eq!(replays.get(), 1);
        let values = |one: &Tensor| Vec::<f32>::try_from(one).unwrap();
        (found, [values(&w), values(&statistic), values(&loss)])
    }

    /// A step of w ← w − 3 w / 2, whatever a graph has made of it.
    const STEPPED: [f32; 2] = [-0.5, -1.0];

    #[test]
    fn a_graph_that_does_the_same_is_found_to_and_the_step_is_taken_once() {
        for same_bits in [true, false] {
            let (found, [w, statistic, loss]) = compared(Wrong::default(), same_bits, true);
            assert_eq!((found, w), (None, STEPPED.to_vec()));
            assert_eq!((statistic, loss), (vec![6.0], vec![7.0]));
            let (found, [w, ..]) = compared(Wrong::default(), same_bits, false);
            assert_eq!((found, w), (None, vec![1.0, 2.0]));
        }
    }

    #[test]
    fn what_a_graph_does_wrong_is_named_and_the_step_is_right() {
        let none = Wrong::default();
        for (wrong, name) in [
            (Wrong { loss: 1.0, ..none }, "the loss"),
            (
                Wrong {
                    gradient: 0.5,
                    ..none
                },
                "the gradient of `w`",
            ),
            (
                Wrong {
                    statistic: 1.0,
                    ..none
                },
                "statistic",
            ),
            (
                Wrong {
                    update: 1e-6,
                    ..none
                },
                "w",
            ),
            (
                Wrong {
                    loss: f32::NAN,
                    ..none
                },
                "the loss",
            ),
        ] {
            for same_bits in [true, false] {
                let (found, [w, statistic, loss]) = compared(wrong, same_bits, true);
                assert_eq!(found.as_deref(), Some(name));
                assert_eq!(w, STEPPED);
                assert_eq!((statistic, loss), (vec![6.0], vec![7.0]));
            }
        }
        let no_gradient = true;
        let (found, _) = compared(
            Wrong {
                no_gradient,
                ..none
            },
            false,
            true,
        );
        assert_eq!(found.as_deref(), Some("the gradient of `w`"));
    }

    /// Sums in another order are right where bits are not promised, and the optimizer's own launches
    /// are held to the bit even then.
    #[test]
    fn rounding_is_no_difference_unless_bits_are_promised() {
        let near = Wrong {
            gradient: 1e-5,
            loss: 1e-5,
            ..Wrong::default()
        };
        let (found, [w, ..]) = compared(near, false, true);
        assert_eq!(found, None);
        // The step is that of the graph's gradients.
        assert!(w != STEPPED && (w[0] - STEPPED[0]).abs() < 1e-4, "{w:?}");
        let (found, [w, ..]) = compared(near, true, true);
        assert_eq!(found.as_deref(), Some("the loss"));
        assert_eq!(w, STEPPED);
    }

    #[test]
    fn numbers_are_told_apart() {
        let one = numbers(&[1.0, -2.0]);
        for (other, same_bits, near) in [
            (numbers(&[1.0, -2.0]), false, false),
            (numbers(&[1.0, -2.001]), true, false),
            (numbers(&[1.0, -2.2]), true, true),
            (numbers(&[1.0]), true, true),
            (one.to_kind(Kind::Double), true, true),
            (numbers(&[1.0, f32::NAN]), true, true),
        ] {
            assert_eq!(differs(&one, &other, true, 0.0), same_bits, "{other:?}");
            assert_eq!(differs(&one, &other, false, 0.0), near, "{other:?}");
        }
        // 0 has two signs, and one NaN may be the other.
        assert!(differs(&numbers(&[0.0]), &numbers(&[-0.0]), true, 0.0));
        assert!(!differs(
            &numbers(&[f32::NAN]),
            &numbers(&[f32::NAN]),
            true,
            0.0
        ));
        // Of a gradient that is next to nothing beside the others.
        assert!(!differs(&numbers(&[1e-9]), &numbers(&[-1e-9]), false, 1e-3));
        let counts = |one| Tensor::from_slice(&[one]);
        assert!(differs(&counts(1i64), &counts(2), false, 1.0));
    }
}
