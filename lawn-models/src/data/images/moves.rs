/// How a picture is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Move {
    /// Whether it is turned left to right.
    pub(crate) flip: bool,
    /// Pixels by which it then goes down and right. What comes into it from outside is 0, the
    /// mean.
    pub(crate) shift: [i32; 2],
}
