//! The parameters of one phase as the kernels take them, with room for what the kernels find.

use tch::{Device, Kind, Tensor};

use super::numbers::{KernelRule, numbers};
use super::plan::Division;
use super::pointers::is_walkable;
use super::records::{
    Numbers, OUTCOME, PRODUCTS, PlanRecord, SQUARE, SUMS, UnitBlock, address, table,
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
    let fits = slot.weight.device() == device && rows == RowUpdates::All && is_walkable(slot);
    if !fits {
        return None;
    }
    let (kernel, numbers) = numbers(slot, &form, &context, constraint)?;
    let member = Member {
        numbers,
        units: context.granularity.units(&slot.weight.size()).max(1),
        granularity: context.granularity,
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
    /// By unit, f64.
    pub(super) outcomes: Tensor,
    /// What the record points at.
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
        let mut division = Division::default();
        let mut all = vec![Numbers::default(); members.len()];
        for (index, member) in members.iter_mut().enumerate() {
            if let Some(member) = member {
                let numbers = &mut member.numbers;
                division.add(index as i64, elements[index], member.units, numbers);
                all[index] = *numbers;
            }
        }
        let room = |count: i64| Tensor::zeros([count.max(1)], (Kind::Double, device));
        let numbers = table(&all, device);
        let chunks = table(&division.chunks, device);
        let unit_blocks = table::<UnitBlock>(&division.unit_blocks, device);
        let sums = room(division.pieces * SUMS);
        let products = room(division.pieces * PRODUCTS);
        let squares = room(division.chunks.len() as i64 * SQUARE);
        let outcomes = room(division.units.max(1) * OUTCOME);
        let radii = constrained.then(|| room(division.units));
        let record = PlanRecord {
            numbers: address(&numbers),
            chunks: address(&chunks),
            unit_blocks: address(&unit_blocks),
            sums: address(&sums),
            products: address(&products),
            squares: address(&squares),
            outcomes: address(&outcomes),
            radii: radii.as_ref().map_or(0, address),
            chunk_count: division.chunks.len() as i64,
            unit_block_count: division.unit_blocks.len() as i64,
            ..shared
        };
        let any = |what: fn(&Numbers) -> bool| members.iter().flatten().any(|m| what(&m.numbers));
        Self {
            needs_products: any(|numbers| numbers.needs_products != 0),
            has_two_passes: any(|numbers| numbers.single_pass == 0),
            members,
            record,
            radii,
            outcomes,
            _kept: vec![numbers, chunks, unit_blocks, sums, products, squares],
        }
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
        let (ww, wg, gg, wd, dd) = (of(0), of(1), of(2), of(5), of(6));
        // m = (p − 1) w + q d.
        let (p, q) = (of(9) - 1.0, of(10));
        let wm = &p * &ww + &q * &wd;
        let mm = &p * &p * &ww + &p * &q * &wd * 2.0 + &q * &q * &dd;
        let radius = match &self.radii {
            Some(radii) => radii.copy(),
            None => ww.zeros_like(),
        };
        Tensor::stack(&[ww, wg, gg, wm, mm, of(11), radius], 0)
    }
}
