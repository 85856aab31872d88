//! How tensors lie in memory.

use tch::Tensor;

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

/// Whether the first dimension is the one whose steps are the longest.
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

/// Spans of which no two lie over each other, each of something.
#[derive(Debug, Default)]
pub(crate) struct Apart(Vec<Span>);

impl Apart {
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
