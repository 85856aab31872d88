//! Where the parameters lie, on the device. It is told again only where that has changed.

use tch::{Device, Kind, Tensor};

use super::records::{DIMENSIONS, Layout, Pointers, address, words};
use crate::backend::kernel::width::has_units_in_one_piece;
use crate::backend::slot::Slot;
use crate::libtorch::stream::send;
use crate::rule::form::Direction;
use crate::units::Granularity;

/// The tables of all parameters of the kernels.
#[derive(Debug)]
pub(super) struct Addresses {
    pointers: Vec<Pointers>,
    layouts: Vec<Layout>,
    /// What stays from step to step.
    places: Vec<Option<Place>>,
    /// The same on the device.
    pub(super) pointers_there: Tensor,
    pub(super) layouts_there: Tensor,
}

impl Addresses {
    pub(super) fn new(parameters: usize, device: Device) -> Self {
        let pointers = vec![Pointers::default(); parameters];
        let layouts = vec![Layout::default(); parameters];
        Self {
            pointers_there: words(&pointers).to_device(device),
            layouts_there: words(&layouts).to_device(device),
            pointers,
            layouts,
            places: vec![None; parameters],
        }
    }

    /// Looks anew where weights and buffers lie: others may have replaced them.
    pub(super) fn forget(&mut self) {
        self.places.fill(None);
    }

    /// Where a parameter lies, with the gradient of this step, which is of the kind and the device
    /// of the weight.
    pub(super) fn of(
        &mut self,
        parameter: usize,
        slot: &Slot,
        gradient: Option<&Tensor>,
        granularity: Granularity,
    ) -> Address {
        let place = self.places[parameter].filter(|place| place.weight == slot.address());
        let place = *self.places[parameter].insert(place.unwrap_or_else(|| Place::of(slot)));
        Address::of(slot, place, gradient, granularity)
    }

    /// Takes over where everything lies in this step, and tells the device what is new.
    pub(super) fn tell(&mut self, now: Vec<Address>) {
        let (pointers, layouts): (Vec<_>, Vec<_>) = now
            .into_iter()
            .map(|one| (one.pointers, one.layout))
            .unzip();
        if pointers != self.pointers {
            self.pointers = pointers;
            send(&mut self.pointers_there, &words(&self.pointers));
        }
        let differs = |(new, old): (&Option<Layout>, &Layout)| new.is_some_and(|new| new != *old);
        if layouts.iter().zip(&self.layouts).any(differs) {
            for (old, new) in self.layouts.iter_mut().zip(layouts) {
                *old = new.unwrap_or(*old);
            }
            send(&mut self.layouts_there, &words(&self.layouts));
        }
    }
}

/// Where weight and buffers of a parameter lie. Asking libtorch anew in each step would take the
/// host longer than the launches.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where the weight was then.
    weight: usize,
    pointers: Pointers,
    /// Whether all of them are walked through from end to end.
    contiguous: bool,
}

impl Place {
    fn of(slot: &Slot) -> Self {
        let mut pointers = Pointers {
            w: address(&slot.weight),
            master: slot.master.as_ref().map_or(0, address),
            ..Pointers::default()
        };
        for (s, buffer) in pointers.s.iter_mut().zip(&slot.buffers) {
            *s = address(buffer);
        }
        let mut all = slot
            .buffers
            .iter()
            .filter(|buffer| is_walked(buffer, slot))
            .chain(&slot.master)
            .chain([&slot.weight]);
        Self {
            weight: slot.address(),
            pointers,
            contiguous: all.all(Tensor::is_contiguous),
        }
    }
}

/// Where one parameter lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Address {
    pointers: Pointers,
    /// Given where its elements are not walked through from end to end.
    layout: Option<Layout>,
}

impl Address {
    fn of(slot: &Slot, place: Place, gradient: Option<&Tensor>, granularity: Granularity) -> Self {
        let mut pointers = place.pointers;
        let Some(gradient) = gradient else {
            return Self {
                pointers,
                layout: None,
            };
        };
        pointers.g = address(gradient);
        pointers.present = 1;
        let units = match granularity {
            Granularity::Column => granularity.units(&slot.weight.size()),
            _ => 1,
        };
        let by_column = units > 1;
        let plain = place.contiguous && gradient.is_contiguous() && !by_column
            || slot.weight.numel() == 0
            || is_plain(slot, gradient, granularity);
        pointers.strided = i64::from(!plain);
        let layout = (!plain).then(|| layout(slot, gradient, by_column));
        Self { pointers, layout }
    }
}

/// Whether all arrays of a parameter, which are not all contiguous, can be walked through from end
/// to end, unit by unit.
fn is_plain(slot: &Slot, gradient: &Tensor, granularity: Granularity) -> bool {
    let weight = &slot.weight;
    let walked = slot.buffers.iter().filter(|buffer| is_walked(buffer, slot));
    let mut beside = walked.chain(&slot.master).chain([gradient]);
    let strides = weight.stride();
    beside.all(|tensor| tensor.stride() == strides) && has_units_in_one_piece(weight, granularity)
}

/// Where the elements lie, unit by unit: the dimension of columns is the outermost where these are
/// the units.
fn layout(slot: &Slot, gradient: &Tensor, by_column: bool) -> Layout {
    let mut layout = Layout::default();
    let mut sizes = slot.weight.size();
    // A buffer lies as all others do.
    let buffer = slot.buffers.first().unwrap_or(&slot.weight);
    let master = slot.master.as_ref().unwrap_or(&slot.weight);
    let mut arrays = [&slot.weight, master, gradient, buffer].map(Tensor::stride);
    if by_column {
        sizes.swap(0, 1);
        arrays.iter_mut().for_each(|strides| strides.swap(0, 1));
    }
    for (k, &size) in sizes.iter().enumerate() {
        layout.sizes[k] = size;
        for (strides, array) in layout.strides.iter_mut().zip(&arrays) {
            strides[k] = array[k];
        }
    }
    layout
}

/// Whether a buffer has an element for each of the parameter's. The numbers of an average, beside
/// such buffers, are looked at by themselves.
fn is_walked(buffer: &Tensor, slot: &Slot) -> bool {
    buffer.size() == slot.weight.size()
}

/// Whether the kernels can walk through a parameter, whatever its gradient is like.
pub(super) fn is_walkable(slot: &Slot, direction: Direction) -> bool {
    let kind = match slot.weight.kind() {
        Kind::Double => Kind::Double,
        _ => Kind::Float,
    };
    let Some(first) = slot.buffers.first() else {
        return slot.weight.dim() <= DIMENSIONS;
    };
    let alike = |buffer: &Tensor| {
        buffer.kind() == kind
            && buffer.size() == slot.weight.size()
            && buffer.stride() == first.stride()
            && has_units_in_one_piece(buffer, Granularity::Layer)
    };
    let (walked, beside) = slot
        .buffers
        .split_at(direction.walked().min(slot.buffers.len()));
    slot.weight.dim() <= DIMENSIONS
        && walked.iter().all(alike)
        // One average, of the whole.
        && beside.iter().all(|buffer| buffer.kind() == kind && buffer.size() == [3] && buffer.is_contiguous())
}
