//! Users and items with enough interactions, and no others.

use std::path::Path;

use super::grouped::{Grouped, group};
use super::ids::{IdMap, Ids};
use super::interactions::{Rating, Rows};
use crate::data::error::DataError;

/// Leaves users and items with fewer than `least` interactions out until none has fewer.
pub(super) fn core(
    path: &Path,
    least: u32,
    rows: &Rows,
    grouped: &Grouped,
    rule: Ids,
) -> Result<(Rows, Grouped), DataError> {
    let mut left: Vec<Vec<Rating>> = grouped.users().map(<[Rating]>::to_vec).collect();
    loop {
        let mut counts = vec![0u32; rows.items.len()];
        left.iter()
            .flatten()
            .for_each(|rating| counts[rating.item as usize] += 1);
        let mut is_done = true;
        for own in &mut left {
            let before = own.len();
            own.retain(|rating| counts[rating.item as usize] >= least);
            if own.len() < least as usize {
                own.clear();
            }
            is_done &= own.len() == before;
        }
        if is_done {
            break;
        }
    }
    let left: Vec<Rating> = left.into_iter().flatten().collect();
    if left.is_empty() {
        let found = format!("no interaction within the {least}-core");
        return Err(DataError::unusable(path, found, "a smaller raw.core"));
    }
    Ok(renumbered(rows, &left, rule))
}

/// The rows of what is left, and that by these rows.
pub(super) fn renumbered(rows: &Rows, left: &[Rating], rule: Ids) -> (Rows, Grouped) {
    let user = |rating: &Rating| rows.users.id(rating.user);
    let item = |rating: &Rating| rows.items.id(rating.item);
    let new = Rows {
        users: IdMap::new(left.iter().map(user), rule),
        items: IdMap::new(left.iter().map(item), rule),
    };
    let ratings: Vec<Rating> = left
        .iter()
        .filter_map(|rating| {
            Some(Rating {
                user: new.users.row(user(rating))?,
                item: new.items.row(item(rating))?,
                time: rating.time,
            })
        })
        .collect();
    let grouped = group(new.users.len(), &ratings);
    (new, grouped)
}
