//! Tiles: one flat storage for many parameters.

use tch::{Device, Kind, Tensor};

use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::parameters::layout::{is_dense, is_outermost};
use crate::units::Granularity;

/// The longest tile. One kernel takes sums within tiles, another takes sums over the tiles of a
/// unit.
const LONGEST: i64 = 1024;

/// The shortest tile that parameters are padded to.
const SHORTEST: i64 = 32;

/// Elements of one group, unless a single parameter has more. It bounds the memory for the
/// intermediate results of a step.
const ELEMENTS: i64 = 1 << 26;

/// Parameters that can share a storage.
pub(super) struct Plan {
    pub(super) device: Device,
    pub(super) tile: i64,
    pub(super) places: Vec<Place>,
}

/// Where one parameter lies.
#[derive(Debug)]
pub(super) struct Place {
    /// Which parameter.
    pub(super) slot: usize,
    shape: Vec<i64>,
    strides: Vec<i64>,
    /// Its first tile.
    first: i64,
    /// How many it has; an empty parameter has one, of zeros.
    tiles: i64,
    /// How many units these are under the norm constraint.
    pub(super) units: i64,
}

impl Place {
    /// This parameter in a storage, shaped and laid out as itself.
    pub(super) fn view(&self, storage: &Tensor) -> Tensor {
        let offset = self.first * storage.size()[1];
        storage.as_strided(&self.shape, &self.strides, offset)
    }

    /// Whether a tensor of this shape is laid out as [`view`](Self::view) is.
    pub(super) fn has_layout_of(&self, tensor: &Tensor) -> bool {
        tensor.stride() == self.strides
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

/// Groups of parameters of one device and kind whose tiles are of one length.
///
/// A tile never spans two units. Whole tensors are padded with zeros to a
/// multiple of the tile; rows are cut into tiles without a rest, so that a
/// parameter stays in one piece.
pub(super) fn plan(slots: &[Slot], constraint: Option<&ConstraintForm>) -> Vec<Plan> {
    // What parameters must have in common: device, kind, and the tile of rows.
    type Class = (Device, Kind, Option<i64>);
    let mut classes: Vec<(Class, Vec<usize>)> = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        let (device, kind) = (slot.weight.device(), slot.weight.kind());
        let key = (device, kind, row_tile(slot, constraint));
        match classes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => members.push(index),
            None => classes.push((key, vec![index])),
        }
    }
    let mut plans = Vec::new();
    for ((device, _, row_tile), members) in classes {
        let lengths: Vec<i64> = members.iter().map(|&i| length(&slots[i])).collect();
        let tile = row_tile.unwrap_or_else(|| padded_tile(&lengths));
        let mut plan = Plan::new(device, tile);
        for (&member, &length) in members.iter().zip(&lengths) {
            if plan.elements() > 0 && plan.elements() + length > ELEMENTS {
                plans.push(std::mem::replace(&mut plan, Plan::new(device, tile)));
            }
            plan.add(member, &slots[member].weight, row_tile.is_some());
        }
        plans.push(plan);
    }
    plans
}

impl Plan {
    fn new(device: Device, tile: i64) -> Self {
        Self {
            device,
            tile,
            places: Vec::new(),
        }
    }

    /// How many tiles there are.
    pub(super) fn tiles(&self) -> i64 {
        self.places
            .last()
            .map_or(0, |place| place.first + place.tiles)
    }

    fn elements(&self) -> i64 {
        self.tiles() * self.tile
    }

    /// Which elements only fill a tile up, i64; nothing if there are none.
    pub(super) fn padding(&self) -> Option<Tensor> {
        let gaps = self.places.iter().flat_map(|place| {
            let length: i64 = place.shape.iter().product();
            let first = place.first * self.tile;
            first + length..first + place.tiles * self.tile
        });
        let gaps: Vec<i64> = gaps.collect();
        (!gaps.is_empty()).then(|| Tensor::from_slice(&gaps).to_device(self.device))
    }

    fn add(&mut self, slot: usize, weight: &Tensor, by_row: bool) {
        let (shape, strides) = (weight.size(), weight.stride());
        let in_order = is_dense(&shape, &strides) && (!by_row || is_outermost(&shape, &strides));
        let strides = if in_order {
            strides
        } else {
            contiguous(&shape)
        };
        let length = weight.numel() as i64;
        self.places.push(Place {
            slot,
            units: if by_row { shape[0] } else { 1 },
            first: self.tiles(),
            tiles: (length + self.tile - 1).div_euclid(self.tile).max(1),
            shape,
            strides,
        });
    }
}

fn length(slot: &Slot) -> i64 {
    slot.weight.numel() as i64
}

fn contiguous(shape: &[i64]) -> Vec<i64> {
    (1..=shape.len())
        .map(|next| shape[next..].iter().product::<i64>().max(1))
        .collect()
}

/// The tile of a parameter whose rows are units, if it is one: the largest power
/// of two that divides a row, or any number that does where that is too small.
fn row_tile(slot: &Slot, constraint: Option<&ConstraintForm>) -> Option<i64> {
    let granularity = constraint.filter(|_| slot.is_constrained())?.granularity;
    let shape = slot.weight.size();
    if granularity == Granularity::Layer || shape.len() < 2 || shape.contains(&0) {
        return None;
    }
    let row: i64 = shape[1..].iter().product();
    let even = (1 << row.trailing_zeros()).min(LONGEST);
    if even >= 8 {
        return Some(even);
    }
    (1..=row.min(LONGEST)).rev().find(|tile| row % tile == 0)
}

/// The longest tile whose padding is no more than a quarter.
fn padded_tile(lengths: &[i64]) -> i64 {
    let total: i64 = lengths.iter().sum();
    let padded = |tile: i64| -> i64 { lengths.iter().map(|n| (n + tile - 1) / tile * tile).sum() };
    let mut tile = LONGEST;
    while tile > SHORTEST && padded(tile) > total + total / 4 {
        tile /= 2;
    }
    tile
}

/// Which unit each tile belongs to. A number of a unit is kept for each of its tiles, so that
/// it broadcasts over their elements.
#[derive(Debug)]
pub(super) struct Units {
    /// `[units + 1]`, i64: where the tiles of each begin, and the last ends.
    offsets: Tensor,
    /// `[tiles]`, i64.
    of_tile: Tensor,
    /// `[units]`, i64: the first tile of each.
    first: Tensor,
    /// Whether each has one tile, so that there is nothing to add up.
    single: bool,
}

impl Units {
    /// Parameters as units, or their rows.
    pub(super) fn new(plan: &Plan, by_row: bool) -> Self {
        let (mut offsets, mut of_tile) = (vec![0i64], Vec::new());
        for place in &plan.places {
            let units = if by_row { place.units } else { 1 };
            let each = place.tiles / units;
            for _ in 0..units {
                of_tile.extend(std::iter::repeat_n(offsets.len() as i64 - 1, each as usize));
                offsets.push(of_tile.len() as i64);
            }
        }
        let single = of_tile.len() == offsets.len() - 1;
        let first = &offsets[..offsets.len() - 1];
        let put = |values: &[i64]| Tensor::from_slice(values).to_device(plan.device);
        Self {
            first: put(first),
            offsets: put(&offsets),
            of_tile: put(&of_tile),
            single,
        }
    }

    /// `⟨a, b⟩` of each unit, for each of its tiles; f64. Products of f32 may overflow f32, and
    /// sums in f32 could not tell what a projection leaves.
    pub(super) fn dot(&self, a: &Tensor, b: &Tensor) -> Tensor {
        let products = match a.kind() {
            Kind::Double => a * b,
            _ => a.to_kind(Kind::Double).g_mul_(b),
        };
        self.total(products.sum_dim_intlist(1i64, false, Kind::Double))
    }

    /// `⟨a, a⟩` of each unit, for each of its tiles; f64, where the square of any f32 has room.
    pub(super) fn square(&self, a: &Tensor) -> Tensor {
        let norms = a.norm_scalaropt_dim_dtype(2, 1i64, false, Kind::Double);
        self.total(norms.square())
    }

    /// What the tiles of a unit sum up to, for each of them.
    pub(super) fn total(&self, tiles: Tensor) -> Tensor {
        if self.single {
            return tiles;
        }
        let (none, offsets) = (None::<&Tensor>, Some(&self.offsets));
        Tensor::segment_reduce(&tiles, "sum", none, none, offsets, 0, true, 0.0)
            .index_select(0, &self.of_tile)
    }

    /// Numbers of units, kept a tile, as one a unit.
    pub(super) fn pick(&self, tiles: &Tensor) -> Tensor {
        tiles.index_select(0, &self.first)
    }

    /// Numbers of units as one a tile.
    pub(super) fn spread(&self, units: &Tensor) -> Tensor {
        units.index_select(0, &self.of_tile)
    }
}

/// Numbers of tiles as a column, which broadcasts over their elements.
pub(super) fn column(tiles: &Tensor, kind: Kind) -> Tensor {
    tiles.to_kind(kind).unsqueeze(1)
}
