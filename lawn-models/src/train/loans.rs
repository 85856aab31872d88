//! Rows of shared tables that the ranks lend each other for a pass.
//!
//! ```text
//! bring      each rank asks the owner of each row that its samples look up, once a row:
//!            numbers and counts there, rows back
//! give back  the gradients of these rows, added up over the samples of a rank, go to the owner,
//!            who adds them up over the ranks in the order of these
//! ```
//! All ranks bring and give back equally often, with samples or without.

use tch::{Device, Kind, Tensor};

use crate::models::{LookUps, Model, Table};
use crate::ranks::{RankGroup, RanksError};

/// Rows of one table that were lent for a forward pass.
#[derive(Debug)]
pub(super) struct Loan {
    /// Rows of others that were brought here; its gradient is that of the pass.
    borrowed: Tensor,
    /// Rows of this rank that the ranks asked for, in their order, with what autograd needs.
    lent: Tensor,
    /// Where these stand, and how often each is looked up, `[n]` i64.
    places: Tensor,
    counts: Tensor,
    /// How many were asked of each rank, and by each.
    asked: Vec<i64>,
    asked_by: Vec<i64>,
}

/// Brings the rows that a forward pass on `inputs` looks up; none where there are no samples.
/// `trains` where gradients are asked for.
pub(super) fn bring(
    group: &RankGroup,
    model: &dyn Model,
    inputs: Option<&[Tensor]>,
    trains: bool,
) -> Result<Vec<Loan>, RanksError> {
    let look_ups = inputs.map(|inputs| model.look_ups(inputs));
    let mut loans = Vec::new();
    for (place, table) in model.tables().into_iter().enumerate() {
        if !table.is_parted() {
            continue;
        }
        let rows = look_ups.as_ref().map(|all| {
            debug_assert_eq!(all[place].table, table.name());
            all[place].rows.flatten(0, -1)
        });
        let none = || Tensor::zeros([0], (Kind::Int64, Device::Cpu));
        let rows = rows.unwrap_or_else(none).to_device(Device::Cpu);
        loans.push(bring_one(group, table, &rows, trains)?);
    }
    Ok(loans)
}

fn bring_one(
    group: &RankGroup,
    table: &Table,
    rows: &Tensor,
    trains: bool,
) -> Result<Loan, RanksError> {
    let ranks = i64::from(group.membership().ranks);
    let device = table.own().device();
    // Each row once, in the order of their numbers, and then by owner.
    let (each, number, counts) = rows.internal_unique2(true, true, true);
    let owners = each.remainder(ranks);
    let order = owners.argsort_stable(true, 0, false);
    let inverse = order.argsort_stable(true, 0, false);
    let asking = Tensor::stack(&[each.divide_scalar_mode(ranks, "floor"), counts], 1);
    let asked = owners.bincount::<Tensor>(None, ranks);
    let asked: Vec<i64> = Vec::try_from(asked).expect("i64");
    let (wanted, asked_by) = group.exchange_rows(&asking.index_select(0, &order), &asked)?;
    let numbers = inverse.index_select(0, &number);
    let places = wanted.select(1, 0).contiguous().to_device(device);
    let lend = || table.lend(&places);
    let lent = if trains { lend() } else { tch::no_grad(lend) };
    let there = lent.detach().to_device(Device::Cpu);
    let borrowed = group.exchange_known(&there, &asked_by, &asked)?;
    let borrowed = borrowed.to_device(device).set_requires_grad(trains);
    table.bring(&borrowed, &numbers.to_device(device));
    Ok(Loan {
        borrowed,
        lent,
        places,
        counts: wanted.select(1, 1).contiguous().to_device(device),
        asked,
        asked_by,
    })
}

/// What a step is of at their owner: rows of shared tables.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// By the place of their table among the shared ones.
    rows: Vec<(Vec<Tensor>, Vec<Tensor>)>,
}

impl Touched {
    /// Gives the gradients of what was lent back to its owner, who adds them up.
    pub(super) fn give_back(
        &mut self,
        group: &RankGroup,
        loans: Vec<Loan>,
    ) -> Result<(), RanksError> {
        self.rows
            .resize_with(loans.len().max(self.rows.len()), Default::default);
        for (loan, (places, counts)) in loans.into_iter().zip(&mut self.rows) {
            let gradient = loan.borrowed.grad();
            let gradient = match gradient.defined() {
                true => gradient.to_device(Device::Cpu),
                false => loan.borrowed.detach().zeros_like().to_device(Device::Cpu),
            };
            let own = group.exchange_known(&gradient, &loan.asked, &loan.asked_by)?;
            // The gradient of the sum is what was given back, row by row; zeros where nothing was.
            let own = own.to_device(loan.lent.device());
            (&loan.lent * own).sum(loan.lent.kind()).backward();
            places.push(loan.places);
            counts.push(loan.counts);
        }
        Ok(())
    }

    /// Ends the step: the sum of the squares of the gradients of this rank's rows, in f64, and its
    /// look-ups, as the optimizer is told of them.
    pub(super) fn settle(&mut self, model: &dyn Model) -> (f64, Vec<LookUps>) {
        let _guard = tch::no_grad_guard();
        let tables = model.tables().into_iter().filter(|table| table.is_parted());
        let (mut square, mut look_ups) = (0.0, Vec::new());
        for (table, (places, counts)) in tables.zip(self.rows.drain(..)) {
            let places = Tensor::cat(&places, 0);
            let rows = places.repeat_interleave_self_tensor(&Tensor::cat(&counts, 0), 0, None);
            let gradient = table.own().grad();
            if gradient.defined() {
                let (each, _, _) = places.internal_unique2(true, false, false);
                let touched = gradient.index_select(0, &each).to_kind(Kind::Double);
                square += touched.square().sum(Kind::Double).double_value(&[]);
            }
            let table = table.name().to_owned();
            look_ups.push(LookUps { table, rows });
        }
        (square, look_ups)
    }
}
