//! Closed sets of words, for text columns of records and for options of a report.

/// A closed set of words, as stored in a text column.
pub trait Word: Copy + Sized + 'static {
    /// Every word of the set.
    const ALL: &'static [Self];

    /// The word as it is stored and shown.
    fn as_str(self) -> &'static str;

    /// The word of that spelling, if there is one.
    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.as_str() == text)
    }
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$attr:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$attr])* #[serde(rename = $text)] $variant,)*
        }

        impl $crate::word::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::word::Word::as_str(*self))
            }
        }
    };
}
pub(crate) use words;
