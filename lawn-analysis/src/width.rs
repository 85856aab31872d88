//! Widths of figures, named after the venue that prints them.

use crate::word::words;

words! {
    /// The venue that prints a figure, which determines its width.
    ///
    /// A drawing is laid out anew for each width. Its texts keep their sizes of 7.5 and 8.5 points,
    /// so a file should be included as it is (`\\includegraphics{…}`), never scaled.
    #[derive(Default)]
    #[non_exhaustive]
    Width {
        /// The text width of NeurIPS, 5.5 inches.
        #[default]
        NeurIps = "neurips",
        /// The text width of ICLR, 5.5 inches.
        Iclr = "iclr",
        /// One column of ICML, 3.25 inches.
        Icml = "icml",
        /// Both columns of ICML, 6.75 inches.
        IcmlWide = "icml-wide",
        /// The text width of JMLR, 6 inches.
        Jmlr = "jmlr",
    }
}

impl Width {
    /// The width in inches.
    pub fn inches(self) -> f64 {
        match self {
            Self::NeurIps | Self::Iclr => 5.5,
            Self::Icml => 3.25,
            Self::IcmlWide => 6.75,
            Self::Jmlr => 6.0,
        }
    }

    /// The wider form that the same pages have for a drawing that is too tall in this one.
    pub(crate) fn wider(self) -> Option<Self> {
        (self == Self::Icml).then_some(Self::IcmlWide)
    }

    /// The width in points of a 72nd of an inch.
    pub(crate) fn points(self) -> f64 {
        72.0 * self.inches()
    }
}
