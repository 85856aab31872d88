//! The words that a record may hold, each a closed set.

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

        impl $crate::records::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::records::Word::as_str(*self))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a trial was run for.
    Stage {
        /// To choose a setting on validation data.
        Tune = "tune",
        /// To measure the frozen setting with a fresh seed on test data.
        Confirm = "confirm",
    }
}

words! {
    /// How a trial ended.
    Outcome {
        /// It ran to its budget.
        Ok = "ok",
        /// Its loss or weights stopped being finite.
        Diverged = "diverged",
        /// The device had too little memory.
        OutOfMemory = "out-of-memory",
        /// It ran past its time limit.
        Timeout = "timeout",
        /// It ended with an error or a signal.
        Crashed = "crashed",
        /// It was stopped from outside and can resume.
        Preempted = "preempted",
    }
}

words! {
    /// The part of training that an epoch ended in.
    Phase {
        /// Weights move freely.
        Free = "free",
        /// Constrained units keep their radius.
        Constrained = "constrained",
    }
}

words! {
    /// The data that a metric was measured on.
    Split {
        /// The data that the weights were fitted to.
        Train = "train",
        /// The data that settings were chosen on.
        Validation = "validation",
        /// The data that only a confirmation trial sees, once.
        Test = "test",
    }
}

words! {
    /// What a budget counts.
    BudgetUnit {
        /// Passes over the train split.
        Epochs = "epochs",
        /// Optimizer steps.
        Steps = "steps",
        /// Samples trained on, counted with repetition.
        Samples = "samples",
    }
}
