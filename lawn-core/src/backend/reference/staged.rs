//! Steps by a rule of one's own: all of a step is computed before any of it is written.

use tch::{Device, Kind, Tensor};

use super::update::{StagedUpdate, UpdateRequest, prepare};
use crate::backend::slot::Slot;
use crate::error::Error;
use crate::rule::Rule;
use crate::rule::watched::Watch;

/// Computes the update of every parameter that has a gradient, and writes nothing. So a rule
/// that panics, or whose answer no step can be made of, leaves everything as it was.
///
/// It holds a copy of these parameters and of their buffers until it is committed.
///
/// # Errors
///
/// [`Error::RuleAnswer`]; for numbers that are not finite only if the request says so.
pub(crate) fn stage(
    slots: &[Slot],
    gradients: &[Option<&Tensor>],
    request: &UpdateRequest<'_>,
    watch: &Watch,
    buffers: fn(&Slot, &dyn Rule) -> Vec<Tensor>,
) -> Result<Vec<Option<StagedUpdate>>, Error> {
    // Answers that a panic may have left behind.
    watch.take();
    let mut staged = Vec::with_capacity(slots.len());
    let mut answers = Vec::new();
    for (index, (slot, gradient)) in slots.iter().zip(gradients).enumerate() {
        let Some(gradient) = gradient else {
            staged.push(None);
            continue;
        };
        let buffers = buffers(slot, request.rule);
        let rows = request.rows[index].as_ref();
        staged.push(Some(prepare(slot, &buffers, request, gradient, rows)));
        let (fault, finite) = watch.take();
        if let Some([expected, found]) = fault {
            return Err(answer(request, slot, expected, found));
        }
        answers.extend(finite.into_iter().map(|finite| (index, finite)));
    }
    if request.check_finite
        && let Some(index) = first_that_is_not(&answers)
    {
        let (expected, found) = ("finite numbers", "some that are not, of a finite gradient");
        return Err(answer(
            request,
            &slots[index],
            expected.into(),
            found.into(),
        ));
    }
    Ok(staged)
}

fn answer(request: &UpdateRequest<'_>, slot: &Slot, expected: String, found: String) -> Error {
    Error::RuleAnswer {
        rule: request.rule.name().to_owned(),
        name: slot.name.clone(),
        expected,
        found,
    }
}

/// The parameter of the first answer that is not finite. Waits for the devices once where all
/// are.
fn first_that_is_not(answers: &[(usize, Tensor)]) -> Option<usize> {
    let on_host = |answer: &Tensor| answer.to_device(Device::Cpu).to_kind(Kind::Bool);
    let device = answers.first()?.1.device();
    if answers.iter().all(|(_, answer)| answer.device() == device) {
        let all: Vec<&Tensor> = answers.iter().map(|(_, answer)| answer).collect();
        if on_host(&Tensor::stack(&all, 0).all()).int64_value(&[]) != 0 {
            return None;
        }
    }
    let fails = |(_, answer): &&(usize, Tensor)| on_host(answer).int64_value(&[]) == 0;
    answers.iter().find(fails).map(|(index, _)| *index)
}
