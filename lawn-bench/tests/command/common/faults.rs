//! A right sweep file and what makes it wrong, one fault each.

use lawn_bench::config::{ConfigError, SweepFile};

/// A sweep with every table, from which the wrong ones are made.
pub(crate) const RIGHT: &str = r#"name = "right"
batch_sizes = [64, 256]
reference_batch_size = 64
contrasts = [{ baseline = "adam", treatment = "adam-lawn" }]

[tasks.feedback]
kind = "ncf"
model = "neumf"
factors = 4
layers = [8, 4]
generated = { users = 120, items = 220 }

[budget]
epochs = 6

[evaluation]
every = { epochs = 1 }

[defaults]
warmup = 0.1
decay = "linear"

[defaults.tune]
learning_rate = { min = 1e-4, max = 1e-1, scale = "log", at = { 256 = { min = 1e-3, max = 1.0 } } }

[arms.adam]
rule = "adam"

[arms.adam-lawn]
rule = "adam"
lawn = true

[arms.adam-lawn.tune]
free_epochs = { min = 1, max = 4, scale = "integer" }
beta1 = { choice = [0.9, 0.95] }

[tuning]
settings = 9
seed = 0
metric = "ndcg@10"
learning_rate_scaling = "sqrt"
rungs = { eta = 3, first = 0.111 }

[confirmation]
seeds = [1, 2]

[resources]
workers = 2
threads = 1
device = "cpu"
timeout_seconds = 60.0

[report]
alpha = 0.05
margins = { "hr@10" = 0.005 }
"#;

/// What is replaced by what; where the error points; what it says.
pub(crate) type Fault = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

pub(crate) const FAULTS: &[Fault] = &[
    // Values that are written in one of several forms.
    (
        "lawn = true\n",
        "lawn = true\nscope = \"all\"\n",
        "\"all\"",
        &["found \"all\", allowed is \"final-homogeneous\", \"all-weights\", \"matrices\""],
    ),
    (
        "lawn = true\n",
        "lawn = true\nscope = 3\n",
        "3\n",
        &[
            "found 3, allowed is",
            "a list of patterns of parameter names",
        ],
    ),
    (
        "[report]",
        "[engines.slurm]\ngpus = 1.5\n\n[report]",
        "1.5",
        &["found 1.5, allowed is a whole number or a text in Slurm's notation"],
    ),
    // Keys that are not known, on every level.
    (
        "reference_batch_size",
        "reference_batchsize",
        "reference_batchsize",
        &["did you mean `reference_batch_size`?"],
    ),
    (
        "[budget]",
        "[budgets]",
        "budgets",
        &["unknown field `budgets`", "did you mean `budget`?"],
    ),
    (
        "epochs = 6",
        "epoch = 6",
        "epoch = 6",
        &["did you mean `epochs`?"],
    ),
    ("every =", "evry =", "evry", &["did you mean `every`?"]),
    ("warmup", "warm_up", "warm_up", &["did you mean `warmup`?"]),
    ("factors", "factor", "factor", &["did you mean `factors`?"]),
    (
        "users = 120",
        "user = 120",
        "user = 120",
        &["did you mean `users`?"],
    ),
    (
        "settings = 9",
        "setting = 9",
        "setting = 9",
        &["did you mean `settings`?"],
    ),
    ("eta = 3", "etta = 3", "etta", &["did you mean `eta`?"]),
    (
        "seeds = [1, 2]",
        "seed = [1, 2]",
        "seed = [1, 2]",
        &["did you mean `seeds`?"],
    ),
    ("threads", "thread", "thread", &["did you mean `threads`?"]),
    ("alpha", "alfa", "alfa", &["did you mean `alpha`?"]),
    (
        "free_epochs =",
        "free_epoch =",
        "free_epoch",
        &["did you mean `free_epochs`?"],
    ),
    (
        "min = 1e-4",
        "mn = 1e-4",
        "mn",
        &[
            "unknown field `mn` in the range of `learning_rate`",
            "did you mean `min`?",
        ],
    ),
    (
        "treatment =",
        "treatmnt =",
        "treatmnt",
        &["did you mean `treatment`?"],
    ),
    // Words that are not known.
    (
        "kind = \"ncf\"",
        "kind = \"ncd\"",
        "\"ncd\"",
        &["allowed: ncf, image, ctr", "did you mean `ncf`?"],
    ),
    (
        "\"neumf\"",
        "\"neumv\"",
        "\"neumv\"",
        &["did you mean `neumf`?"],
    ),
    (
        "rule = \"adam\"\nlawn",
        "rule = \"adamm\"\nlawn",
        "\"adamm\"",
        &["did you mean `adam`?"],
    ),
    (
        "\"linear\"",
        "\"linaer\"",
        "\"linaer\"",
        &["did you mean `linear`?"],
    ),
    (
        "scale = \"log\"",
        "scale = \"lg\"",
        "\"lg\"",
        &["unknown variant `lg`", "did you mean `log`?"],
    ),
    ("\"sqrt\"", "\"sqr\"", "\"sqr\"", &["did you mean `sqrt`?"]),
    (
        "\"cpu\"",
        "\"gpu\"",
        "\"gpu\"",
        &["unknown variant `gpu`; allowed: cpu, cuda, auto"],
    ),
    (
        "\"ndcg@10\"",
        "\"ndgc@10\"",
        "\"ndgc@10\"",
        &["allowed: hr@10, ndcg@10", "did you mean `ndcg@10`?"],
    ),
    (
        "treatment = \"adam-lawn\"",
        "treatment = \"adam-laun\"",
        "\"adam-laun\"",
        &["allowed: adam, adam-lawn", "did you mean `adam-lawn`?"],
    ),
    // Values of the wrong type.
    (
        "factors = 4",
        "factors = \"four\"",
        "\"four\"",
        &["string \"four\"", "expected a whole number"],
    ),
    (
        "warmup = 0.1",
        "warmup = \"long\"",
        "\"long\"",
        &["string \"long\"", "expected a number"],
    ),
    (
        "seeds = [1, 2]",
        "seeds = 1",
        "1\n\n[resources]",
        &["expected a list"],
    ),
    (
        "seeds = [1, 2]",
        "seeds = [1, -2]",
        "-2",
        &["`-2`", "expected a whole number of 0 or more"],
    ),
    (
        "[64, 256]",
        "[64, 2.5]",
        "2.5",
        &["`2.5`", "expected a whole number"],
    ),
    (
        "lawn = true",
        "lawn = 1",
        "1\n\n[arms.adam-lawn.tune]",
        &["expected true or false"],
    ),
    (
        "[tasks.feedback]",
        "[[tasks.feedback]]",
        "[[tasks",
        &["a task must be a table"],
    ),
    (
        "name = \"right\"",
        "name = 3",
        "3\n",
        &["expected text in quotes"],
    ),
    (
        "min = 1e-4",
        "min = \"small\"",
        "\"small\"",
        &["expected a number"],
    ),
    // Values out of range.
    (
        "epochs = 6",
        "epochs = 0",
        "0\n\n[evaluation]",
        &["budget.epochs must be 1 or more, not 0"],
    ),
    (
        "settings = 9",
        "settings = 0",
        "0\nseed",
        &["tuning.settings must be 1 or more, not 0"],
    ),
    (
        "settings = 9",
        "settings = 100000",
        "100000",
        &["65536 or less, not 100000"],
    ),
    (
        "eta = 3",
        "eta = 1",
        "1, first",
        &["tuning.rungs.eta must be 2 or more, not 1"],
    ),
    (
        "first = 0.111",
        "first = 1.5",
        "1.5",
        &["above 0 and below 1, not 1.5"],
    ),
    (
        "alpha = 0.05",
        "alpha = 0.9",
        "0.9\nmargins",
        &["above 0 and below 0.5, not 0.9"],
    ),
    (
        "= 0.005",
        "= -1.0",
        "-1.0",
        &["the margin of `hr@10`", "not -1"],
    ),
    (
        "timeout_seconds = 60.0",
        "timeout_seconds = -1.0",
        "-1.0",
        &["timeout_seconds"],
    ),
    (
        "items = 220",
        "items = 20",
        "20 }",
        &["`generated.items` is 20", "allowed is"],
    ),
    (
        "max = 1e-1, scale",
        "max = 1e-5, scale",
        "1e-5",
        &["must have its max above its min"],
    ),
    (
        "min = 1e-4",
        "min = 0.0",
        "0.0",
        &["a number above 0, as its scale is `log`, not 0"],
    ),
    (
        "max = 4",
        "max = 4.5",
        "4.5",
        &["a whole number, as its scale is `integer`, not 4.5"],
    ),
    (
        "max = 1e-1, scale",
        "max = inf, scale",
        "inf",
        &["a finite number, not inf"],
    ),
    (
        "[0.9, 0.95]",
        "[0.9, 1.5]",
        "1.5",
        &["`beta1` is 1.5", "allowed is"],
    ),
    (
        "[0.9, 0.95]",
        "[]",
        "[]",
        &["the choice of `beta1` must be a list of one value or more"],
    ),
    (
        "[0.9, 0.95]",
        "[0.9, 0.9]",
        "0.9] }",
        &["0.9 is twice in the choice of `beta1`"],
    ),
    // Values that do not fit others.
    (
        "[64, 256]",
        "[64, 64]",
        "64]",
        &["batch size 64 is listed twice"],
    ),
    (
        "reference_batch_size = 64",
        "reference_batch_size = 65",
        "65",
        &["not among batch_sizes", "allowed: 64, 256"],
    ),
    (
        "seeds = [1, 2]",
        "seeds = [0, 2]",
        "0, 2]",
        &["confirmation seed 0 is the tuning seed"],
    ),
    (
        "256 = {",
        "128 = {",
        "128",
        &["`128` is not among batch_sizes", "allowed: 64, 256"],
    ),
    (
        "lawn = true\n",
        "",
        "1, max = 4",
        &["`free_epochs` does not apply to lawn = false"],
    ),
    (
        "max = 4,",
        "max = 6,",
        "6, scale",
        &["`free_epochs` is 6", "below the budget of"],
    ),
    (
        "settings = 9\n",
        "",
        "learning_rate = { min",
        &["nothing says how many settings", "[tuning] settings = 16"],
    ),
    (
        "settings = 9",
        "settings = 8",
        "{ eta",
        &["8 settings are too few for these rungs", "give 9 or more"],
    ),
    (
        ", scale = \"log\"",
        "",
        "{ min = 1e-4",
        &["has no `scale`", "allowed: linear, log, integer"],
    ),
    (
        "{ choice = [0.9, 0.95] }",
        "{ choice = [0.9], min = 0.1 }",
        "min = 0.1",
        &["both `choice` and `min`"],
    ),
    (
        "{ choice = [0.9, 0.95] }",
        "0.9",
        "0.9\n",
        &["`beta1` must have a range or a choice"],
    ),
    (
        "rule = \"adam\"\nlawn = true",
        "rule = \"adam\"\nfree_epochs = 1\nlawn = true",
        "free_epochs = {",
        &["`free_epochs` is both fixed and tuned"],
    ),
    (
        "beta1 = {",
        "rule = {",
        "rule = {",
        &["`rule` cannot be tuned", "make it two arms"],
    ),
    (
        "[tuning]",
        "[arms.sgd]\nrule = \"sgd\"\n[arms.sgd.grid]\nmomentum = [0.9, 0.5]\n\n[tuning]",
        "learning_rate = { min",
        &["arm `sgd` has both a grid and ranges"],
    ),
    (
        "name = \"right\"",
        "name = \"../up\"",
        "\"../up\"",
        &["cannot be a name"],
    ),
    (
        "[arms.adam]\n",
        "[arms.\"a b\"]\n",
        "\"a b\"",
        &["`a b` cannot be a name"],
    ),
    // What is left out, and what is no TOML.
    (
        "[confirmation]\nseeds = [1, 2]\n",
        "",
        "name = ",
        &["missing field `confirmation`"],
    ),
    (
        "kind = \"ncf\"\n",
        "",
        "feedback]",
        &["has no `kind`", "allowed: ncf, image, ctr"],
    ),
    (
        "batch_sizes = [64, 256]",
        "batch_sizes = [64, 256",
        "reference_batch",
        &[],
    ),
    (
        "epochs = 6",
        "epochs = 6\nepochs = 7",
        "epochs = 7",
        &["duplicate key"],
    ),
    (
        "epochs = 6",
        "epochs = 6\nsteps = 7",
        "[budget]",
        &["must have one of epochs, steps, samples"],
    ),
];

/// The text as a sweep file with values set over it.
pub(crate) fn file(text: String, sets: &[&str]) -> SweepFile {
    SweepFile {
        origin: "wrong.toml".into(),
        text,
        unsets: Vec::new(),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
    }
}

/// What is wrong about an error, if anything.
pub(crate) fn faulty(error: &ConfigError, at: (usize, usize), said: &[&str]) -> Option<String> {
    let shown = error.to_string();
    let lacking: Vec<&&str> = said.iter().filter(|said| !shown.contains(**said)).collect();
    let misplaced = (error.line, error.column) != at;
    let unplaced = !shown.contains(&format!("{}:{}:{}", error.origin, error.line, error.column));
    (misplaced || unplaced || !lacking.is_empty())
        .then(|| format!("expected {at:?}, lacking {lacking:?}:\n{shown}\n"))
}
