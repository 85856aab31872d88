//! The words that a record may hold, each a closed set.

use crate::word::words;

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
