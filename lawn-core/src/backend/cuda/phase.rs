//! The parameters of one phase as the kernels take them, with room for what the kernels find.

use tch::{Device, Kind, Tensor};

use super::numbers::{KernelRule, numbers};
use super::plan::Division;
use super::pointers::is_walkable;
use super::records::{
    Numbers, OUTCOME, PRODUCTS, PlanRecord, SQUARE, SUMS, TESTED, UnitBlock, address, table,
};
use crate::backend::slot::Slot;
use crate::constraint::form::ConstraintForm;
use crate::rule::{RowUpdates, Rule};
use crate::units::Granularity;

/// A parameter of one phase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) numbers: Numbers,
    pub(super) units: i64,
    pub(super) granularity: Granularity,
}

/// What the kernels take of a parameter in one phase; nothing if the reference has it then.
pub(super) fn member(
    slot: &Slot,
    rule: &dyn Rule,
    constraint: Option<&ConstraintForm>,
    device: Device,
) -> Option<(KernelRule, Member)> {
    let context = slot.context(constraint, 1.0);
    let form = rule.form(&context)?;
    let rows = slot.row_updates(rule, constraint);
    let on_it = slot.weight.device() == device && rows == RowUpdates::All;
    if !on_it || !is_walkable(slot, form.direction) {
        return None;
    }
    let (kernel, numbers) = numbers(slot, &form, &context, constraint)?;
    let granularity = match numbers.radial {
        0 => context.granularity,
        _ => Granularity::Row,
    };
    let member = Member {
        numbers,
        units: granularity.units(&slot.weight.size()).max(1),
        granularity,
    };
    Some((kernel, member))
}

/// One phase.
#[derive(Debug)]
pub(super) struct Phase {
    /// By parameter of the kernels; nothing for one that the reference has in this phase.
    pub(super) members: Vec<Option<Member>>,
    pub(super) record: PlanRecord,
    /// Whether some need the products of weights and gradients, and some two passes.
    pub(super) needs_products: bool,
    pub(super) has_two_passes: bool,
    /// By unit, f64; 0 for one that is free.
    pub(super) radii: Option<Tensor>,
    /// By unit, f64: what the constraint remembers.
    pub(super) remembered: Option<Tensor>,
    /// By unit, among those that are told of: which it is a part of; and of each of these the first
    /// unit. Given where rows are told of as one.
    told_as_one: Option<[Tensor; 2]>,
    /// By unit, f64.
    pub(super) outcomes: Tensor,
    /// By unit, f64: how many elements it has.
    elements: Tensor,
    /// The numbers of each parameter.
    numbers: Tensor,
    /// What the record points at beside.
    _kept: Vec<Tensor>,
}

impl Phase {
    /// The phase of these parameters, of which `elements` tells how many elements each has; with
    /// what all phases have in `shared`.
    pub(super) fn new(
        mut members: Vec<Option<Member>>,
        elements: &[i64],
        shared: PlanRecord,
        constrained: bool,
        device: Device,
    ) -> Self {
        let (division, all) = divided(&mut members, elements);
        let counts = members
            .iter()
            .flatten()
            .flat_map(|member| std::iter::repeat_n(member.numbers.elements, member.units as usize));
        let mut counts: Vec<f64> = counts.collect();
        counts.resize(counts.len().max(1), 0.0);
        let room = |count: i64| Tensor::zeros([count.max(1)], (Kind::Double, device));
        let numbers = table(&all, device);
        let chunks = table(&division.chunks, device);
        let unit_blocks = table::<UnitBlock>(&division.unit_blocks, device);
        let sums = room(division.pieces * SUMS);
        let products = room(division.pieces * PRODUCTS);
        let squares = room(division.chunks.len() as i64 * SQUARE);
        let outcomes = room(division.units.max(1) * OUTCOME);
        let radii = constrained.then(|| room(division.units));
        let remembered = constrained.then(|| room(division.units));
        let tests = room(division.unit_blocks.len() as i64 * TESTED);
        let wholes = room(division.chunks.len() as i64 * PRODUCTS);
        let record = PlanRecord {
            numbers: address(&numbers),
            chunks: address(&chunks),
            unit_blocks: address(&unit_blocks),
            sums: address(&sums),
            products: address(&products),
            squares: address(&squares),
            outcomes: address(&outcomes),
            radii: radii.as_ref().map_or(0, address),
            remembered: remembered.as_ref().map_or(0, address),
            tests: address(&tests),
            wholes: address(&wholes),
            chunk_count: division.chunks.len() as i64,
            unit_block_count: division.unit_blocks.len() as i64,
            ..shared
        };
        let any = |what: fn(&Numbers) -> bool| members.iter().flatten().any(|m| what(&m.numbers));
        Self {
            needs_products: any(|numbers| numbers.needs_products != 0),
            has_two_passes: any(|numbers| numbers.single_pass == 0),
            told_as_one: told_as_one(&members, device),
            members,
            record,
            radii,
            remembered,
            outcomes,
            numbers,
            elements: Tensor::from_slice(&counts).to_device(device),
            _kept: vec![chunks, unit_blocks, sums, products, squares, tests, wholes],
        }
    }

    /// Whether it is the phase of these parameters, but for their numbers.
    pub(super) fn is_of(&self, members: &[Option<Member>]) -> bool {
        let shape = |member: &Member| {
            let Numbers {
                needs_products,
                single_pass,
                radial,
                ..
            } = member.numbers;
            let passes = (needs_products, single_pass, radial);
            (member.units, member.granularity, passes)
        };
        let shapes = |members: &[Option<Member>]| -> Vec<_> {
            let shapes = members.iter().map(|member| member.as_ref().map(shape));
            shapes.collect()
        };
        shapes(&self.members) == shapes(members)
    }

    /// Puts other numbers of the same parameters in the place of those that are there.
    pub(super) fn renumber(&mut self, mut members: Vec<Option<Member>>, elements: &[i64]) {
        let (_, all) = divided(&mut members, elements);
        self.numbers.copy_(&table(&all, self.numbers.device()));
        self.members = members;
    }

    /// Blocks of the launches over elements and over units.
    pub(super) fn blocks(&self) -> (i64, i64) {
        let PlanRecord {
            chunk_count,
            unit_block_count,
            ..
        } = self.record;
        (chunk_count.max(1), unit_block_count.max(1))
    }

    /// What [`Measurement::of_sums`](crate::diagnostics::Measurement::of_sums) takes of each unit
    /// after a step, and the radius; `[7, units]`, f64.
    pub(super) fn measured(&self) -> Tensor {
        let outcomes = self.outcomes.view([-1, OUTCOME]);
        let of = |column: i64| outcomes.select(1, column);
        let (ww, wg, gg, wd, dd) = (of(0), of(1), of(2), of(6), of(7));
        // m = (p − 1) w + q d + o, of units of so many elements.
        let (p, q, o, trust) = (of(11) - 1.0, of(12), of(13), of(14));
        let (w, d) = (of(5), of(8));
        let wm = &p * &ww + &q * &wd + &o * &w;
        let mm = &p * &p * &ww + &p * &q * &wd * 2.0 + &q * &q * &dd;
        let mm = mm + &o * 2.0 * (&p * &w + &q * &d) + &o * &o * &self.elements;
        let radius = match &self.radii {
            Some(radii) => radii.copy(),
            None => ww.zeros_like(),
        };
        let all = Tensor::stack(&[ww, wg, gg, wm, mm, trust, radius], 0);
        let Some([whole, first]) = &self.told_as_one else {
            return all;
        };
        let sums = Tensor::zeros([5, first.numel() as i64], (Kind::Double, all.device()));
        let sums = sums.index_add(1, whole, &all.narrow(0, 0, 5));
        Tensor::cat(&[sums, all.narrow(0, 5, 2).index_select(1, first)], 0)
    }
}

/// Who walks through what, and the numbers of each parameter.
fn divided(members: &mut [Option<Member>], elements: &[i64]) -> (Division, Vec<Numbers>) {
    let mut division = Division::default();
    let mut all = vec![Numbers::default(); members.len()];
    for (index, member) in members.iter_mut().enumerate() {
        if let Some(member) = member {
            let numbers = &mut member.numbers;
            division.add(index as i64, elements[index], member.units, numbers);
            all[index] = *numbers;
        }
    }
    (division, all)
}

impl Member {
    /// Of how many units a step tells: rows that were only tested are one.
    pub(super) fn told(&self) -> i64 {
        match self.numbers.radial {
            0 => self.units,
            _ => 1,
        }
    }
}

/// See [`Phase`].
fn told_as_one(members: &[Option<Member>], device: Device) -> Option<[Tensor; 2]> {
    let members = || members.iter().flatten();
    if members().all(|member| member.told() == member.units) {
        return None;
    }
    let (mut whole, mut first) = (Vec::<i64>::new(), Vec::<i64>::new());
    for member in members() {
        for unit in 0..member.units {
            if unit < member.told() {
                first.push(whole.len() as i64);
            }
            whole.push(first.len() as i64 - 1);
        }
    }
    Some([whole, first].map(|all| Tensor::from_slice(&all).to_device(device)))
}
