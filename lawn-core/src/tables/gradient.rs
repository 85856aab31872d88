//! The gradient of a table, row by row.

use tch::{Kind, Tensor};

use crate::backend::slot::Slot;
use crate::error::Error;
use crate::rule::RowUpdates;
use crate::tables::counts::Counts;

/// The gradient of a parameter as the backends take it.
#[derive(Debug)]
pub(crate) struct Gradient {
    /// `[n, columns]` for `n` rows of a table, or shaped as the parameter.
    pub(crate) values: Tensor,
    /// Which rows these are, `[n]`, i64, each once and in order; nothing for all of the
    /// parameter.
    pub(crate) rows: Option<Tensor>,
}

impl Gradient {
    /// Of what `backward` has left, for a parameter of which the rule updates these rows. Where
    /// `counted` is given, no other row than those that it has counted has a gradient.
    ///
    /// # Errors
    ///
    /// [`Error::SparseGradient`] where the rows that a sparse gradient leaves out would move.
    pub(crate) fn new(
        slot: &Slot,
        found: Tensor,
        updates: RowUpdates,
        rule: &str,
        (takes_rows, counted): (bool, Option<&Counts>),
    ) -> Result<Self, Error> {
        if !found.is_sparse() {
            return Ok(match (updates, counted) {
                (RowUpdates::Touched, Some(counts)) => Self::of_counted(counts, &found),
                (RowUpdates::Touched, None) => Self::of_rows(None, found),
                (RowUpdates::Still, Some(counts)) if takes_rows && counts.are_few() => {
                    Self::of_counted(counts, &found)
                }
                (RowUpdates::All | RowUpdates::Still, _) => Self::whole(found),
            });
        }
        let why = if !slot.is_table() {
            "it is no embedding table".to_owned()
        } else if found.sparse_dim() != 1 {
            "only rows may be sparse".to_owned()
        } else if updates == RowUpdates::All {
            format!(
                "`{rule}`, weight decay or the norm constraint moves rows without a gradient, as `lazy_adam` and `rowwise_adagrad` do not"
            )
        } else {
            if !takes_rows {
                return Ok(Self::whole(found.to_dense(None::<Kind>, false)));
            }
            // Ids that come more than once are added up here, before any rule squares them.
            let found = found.coalesce();
            let rows = found.indices().squeeze_dim(0);
            return Ok(Self::of_rows(Some(rows), found.values()));
        };
        Err(Error::SparseGradient {
            name: slot.name.clone(),
            why,
        })
    }

    fn whole(values: Tensor) -> Self {
        Self { values, rows: None }
    }

    /// Of the rows that were counted, as far as they have a gradient.
    fn of_counted(counts: &Counts, found: &Tensor) -> Self {
        let rows = counts.rows();
        let values = found.index_select(0, &rows);
        Self::of_rows(Some(rows), values)
    }

    /// Of the rows that have a gradient: an element that is not 0. `among` tells which rows of
    /// the table these are, if they are not all of it.
    fn of_rows(among: Option<Tensor>, values: Tensor) -> Self {
        // The largest of a row, which is NaN if any of it is; quicker than to look for one.
        let largest = values.abs().amax(1i64, false);
        let touched = largest.ne(0.0).nonzero().squeeze_dim(1);
        let all = touched.numel() as i64 == values.size()[0];
        let (values, rows) = match among {
            Some(rows) if all => (values, rows),
            Some(rows) => (
                values.index_select(0, &touched),
                rows.index_select(0, &touched),
            ),
            None => (values.index_select(0, &touched), touched),
        };
        Self {
            values,
            rows: Some(rows),
        }
    }
}
