//! What an optimizer is told of the rows that a step's gradients are of.

use tch::{Device, Kind, Tensor};

use super::counts::numbers;
use crate::constraint::form::ConstraintForm;
use crate::constraint::interface::NormConstraint;
use crate::error::Error;
use crate::optimizer::Optimizer;
use crate::parameters::parameter::known;
use crate::rule::RowUpdates;

impl Optimizer {
    /// Tells which ids of an embedding table the next step's gradients are of, each as often as
    /// it was looked up; [`CowClipConfig`](crate::CowClipConfig) needs their counts.
    ///
    /// `ids` has any shape, is i64, on the device of the table, and each is the number of a row.
    /// Calls add up, so that every micro-batch can tell its own.
    /// [`zero_grad`](Self::zero_grad) and each step, taken or skipped, begin anew. Ids that are
    /// padding, and so without a gradient, are left out by the caller.
    ///
    /// A step that is told [of all of them](crate::StepOptions::all_rows_counted) looks for
    /// gradients in these rows only.
    ///
    /// ```
    /// # use lawn_core::{CowClipConfig, LazyAdamConfig, OptimizerConfig, Parameters, Schedule};
    /// # use tch::{Device, Kind, Tensor, nn};
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let table = (vs.root() / "items_embedding").var("weight", &[1000, 8], nn::init::DEFAULT_KAIMING_UNIFORM);
    /// let mut optimizer = OptimizerConfig::new(LazyAdamConfig::default(), Schedule::constant(1e-3))
    ///     .with_cow_clip(CowClipConfig::default())
    ///     .build(Parameters::from_var_store(&vs)?)?;
    ///
    /// let ids = Tensor::from_slice(&[7i64, 3, 7]);
    /// let rows = Tensor::embedding(&table, &ids, -1, false, true);
    /// optimizer.zero_grad();
    /// optimizer.count_rows("items_embedding.weight", &ids)?;
    /// rows.square().mean(Kind::Float).backward();
    /// optimizer.step()?;
    /// # Ok::<(), lawn_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownParameter`]; [`Error::RowIds`] for a parameter that is no table, and for
    /// ids that are not i64 or not of its rows.
    pub fn count_rows(&mut self, parameter: &str, ids: &Tensor) -> Result<(), Error> {
        let _guard = tch::no_grad_guard();
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.name == parameter) else {
            let names = self.slots.iter().map(|slot| slot.name.as_str());
            return Err(Error::UnknownParameter {
                name: parameter.to_owned(),
                known: known(names),
            });
        };
        let refused = |expected: String, found: String| Error::RowIds {
            name: parameter.to_owned(),
            expected,
            found,
        };
        if !slot.is_table() {
            let expected = "an embedding table: role embedding, two dimensions".to_owned();
            let found = format!("a parameter of shape {:?}", slot.weight.size());
            return Err(refused(expected, found));
        }
        if ids.kind() != Kind::Int64 {
            return Err(refused("ids of Int64".into(), format!("{:?}", ids.kind())));
        }
        let rows = slot.weight.size()[0];
        let foreign = |id: i64| {
            let expected = format!("ids of at least 0 and below its {rows} rows");
            refused(expected, id.to_string())
        };
        if slot.weight.device() == Device::Cpu {
            let ids = numbers(ids);
            if let Some(id) = ids.iter().find(|id| !(0..rows).contains(*id)) {
                return Err(foreign(*id));
            }
            slot.row_counts.add(&ids, rows);
            return Ok(());
        }
        if ids.numel() > 0 {
            for id in [ids.min(), ids.max()] {
                let id = id.int64_value(&[]);
                if !(0..rows).contains(&id) {
                    return Err(foreign(id));
                }
            }
        }
        let counts = ids.flatten(0, -1).bincount(None::<&Tensor>, rows);
        slot.row_counts.add_device(counts);
        Ok(())
    }

    /// Whether a step makes anything of what [`count_rows`](Self::count_rows) tells: where there
    /// is a table, and CowClip, or a rule or constraint that leaves rows without a gradient where
    /// they are.
    #[must_use]
    pub fn uses_row_counts(&self) -> bool {
        let form = self.config.constraint().map(NormConstraint::form);
        let by_row = |constraint: Option<&ConstraintForm>| {
            let rule = &*self.config.rule;
            let mut slots = self.slots.iter();
            slots.any(|slot| slot.row_updates(rule, constraint) != RowUpdates::All)
        };
        let has_tables = self.slots.iter().any(|slot| slot.is_table());
        has_tables && (self.config.cow_clip.is_some() || by_row(None) || by_row(form.as_ref()))
    }
}
