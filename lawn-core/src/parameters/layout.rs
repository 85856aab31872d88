//! How tensors lie in memory.

use std::fmt;

use tch::{Device, Kind, Tensor};

/// Element kind, shape and device of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    pub(crate) kind: Kind,
    pub(crate) shape: Vec<i64>,
    pub(crate) device: Device,
}

impl TensorSpec {
    pub(crate) fn of(tensor: &Tensor) -> Self {
        Self {
            kind: tensor.kind(),
            shape: tensor.size(),
            device: tensor.device(),
        }
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} on {:?}", self.kind, self.shape, self.device)
    }
}

/// Whether the elements fill their memory without gaps or overlaps.
pub(crate) fn is_dense(shape: &[i64], strides: &[i64]) -> bool {
    let mut dimensions: Vec<(i64, i64)> = strides
        .iter()
        .copied()
        .zip(shape.iter().copied())
        .filter(|&(_, n)| n != 1)
        .collect();
    dimensions.sort_unstable();
    let mut expected = 1;
    dimensions.iter().all(|&(stride, n)| {
        let fits = stride == expected;
        expected *= n;
        fits
    })
}

/// Whether the first dimension has the longest stride.
pub(crate) fn is_outermost(shape: &[i64], strides: &[i64]) -> bool {
    shape[0] == 1 || strides[0] == shape[1..].iter().product::<i64>()
}

/// Whether elements lie over each other along a dimension, as `expand` leaves them.
pub(crate) fn has_repeats(shape: &[i64], strides: &[i64]) -> bool {
    let empty = shape.contains(&0);
    !empty
        && shape
            .iter()
            .zip(strides)
            .any(|(&n, &stride)| n > 1 && stride == 0)
}

/// The memory of a tensor that fills it without gaps, from its first byte to
/// after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

impl Span {
    /// None for a tensor with gaps, or without elements.
    pub(crate) fn of(tensor: &Tensor) -> Option<Self> {
        let dense = tensor.numel() > 0 && is_dense(&tensor.size(), &tensor.stride());
        dense.then(|| Self::of_dense(tensor))
    }

    fn of_dense(tensor: &Tensor) -> Self {
        let start = address(tensor);
        let bytes = tensor.numel() * tensor.kind().elt_size_in_bytes();
        Self {
            start,
            end: start + bytes,
        }
    }
}

/// Where a tensor's first element lies.
pub(crate) fn address(tensor: &Tensor) -> usize {
    tensor.data_ptr() as usize
}

/// Spans of which no two lie over each other.
#[derive(Debug, Default)]
pub(crate) struct DisjointSpans(Vec<Span>);

impl DisjointSpans {
    /// The spans of some tensors, or which two of the tensors lie over each other.
    pub(crate) fn new(spans: impl Iterator<Item = Option<Span>>) -> Result<Self, [usize; 2]> {
        let numbered = spans.enumerate();
        let mut spans: Vec<(Span, usize)> = numbered
            .filter_map(|(index, span)| Some((span?, index)))
            .collect();
        spans.sort_unstable();
        match spans
            .windows(2)
            .find(|pair| pair[1].0.start < pair[0].0.end)
        {
            Some(pair) => Err([pair[0].1, pair[1].1]),
            None => Ok(Self(spans.into_iter().map(|(span, _)| span).collect())),
        }
    }

    /// Whether a tensor without gaps lies over any of them.
    pub(crate) fn meets(&self, dense: &Tensor) -> bool {
        let Span { start, end } = Span::of_dense(dense);
        let after = self.0.partition_point(|span| span.end <= start);
        self.0.get(after).is_some_and(|span| span.start < end)
    }
}

/// Which two of some tensors, of which one has gaps, have an element in common.
///
/// Those without gaps are [`DisjointSpans`]'s; what lies in the gaps of another is not shared.
pub(crate) fn require_interleaved(tensors: &[&Tensor]) -> Result<(), [usize; 2]> {
    let numbered = tensors.iter().enumerate().filter(|(_, t)| t.numel() > 0);
    let mut ranges: Vec<(usize, usize, usize)> = numbered
        .map(|(index, tensor)| {
            let start = address(tensor);
            (start, start + reach(tensor), index)
        })
        .collect();
    ranges.sort_unstable();
    let gapped = |index: usize| Span::of(tensors[index]).is_none();
    for (at, &(_, end, first)) in ranges.iter().enumerate() {
        let within = ranges[at + 1..]
            .iter()
            .take_while(|(start, ..)| *start < end);
        for &(_, _, second) in within {
            if (gapped(first) || gapped(second)) && share(tensors[first], tensors[second]) {
                return Err([first, second]);
            }
        }
    }
    Ok(())
}

/// Bytes from the first element to after the last.
fn reach(tensor: &Tensor) -> usize {
    let steps = tensor.size().into_iter().zip(tensor.stride());
    let last: i64 = steps.map(|(n, stride)| (n - 1) * stride).sum();
    (last as usize + 1) * tensor.kind().elt_size_in_bytes()
}

/// Whether an element of one lies over an element of the other.
fn share(a: &Tensor, b: &Tensor) -> bool {
    let (ones, others) = (addresses(a), addresses(b));
    let (wide, narrow) = (a.kind().elt_size_in_bytes(), b.kind().elt_size_in_bytes());
    ones.iter().any(|&one| {
        let next = others.partition_point(|&other| other + narrow <= one);
        others.get(next).is_some_and(|&other| other < one + wide)
    })
}

/// Where each element lies, in order.
fn addresses(tensor: &Tensor) -> Vec<usize> {
    let mut offsets = vec![0usize];
    for (n, stride) in tensor.size().into_iter().zip(tensor.stride()) {
        let along = offsets.iter();
        offsets = along
            .flat_map(|offset| (0..n).map(move |i| offset + (i * stride) as usize))
            .collect();
    }
    let bytes = tensor.kind().elt_size_in_bytes();
    let mut found: Vec<usize> = offsets
        .into_iter()
        .map(|offset| address(tensor) + offset * bytes)
        .collect();
    found.sort_unstable();
    found
}
