//! `[engines.*]` of a sweep: read with defaults, refused with place, value and what is allowed.

use lawn_bench::config::{Ray, Slurm, parse};

const TINY: &str = include_str!("sweeps/tiny.toml");

#[test]
fn what_is_not_given_is_the_sites_default() {
    let engines = parse("tiny.toml", TINY).expect("it is correct").engines;
    assert_eq!(engines.slurm, Slurm::default());
    assert_eq!(engines.ray, Ray::default());
}

#[test]
fn what_is_given_is_kept() {
    let text = format!(
        "{TINY}
[engines.slurm]
partition = \"gpu\"
time = 90
gpus = \"a100:1\"
memory = \"16G\"
workers = 8
options = [\"--qos=long\", \"--comment='two words'\"]
prologue = '''
module load cuda
'''

[engines.ray]
address = \"http://head:8265\"
gpus = 0.5
"
    );
    let engines = parse("tiny.toml", &text).expect("it is correct").engines;
    let expected = Slurm {
        partition: Some("gpu".into()),
        time: Some("90".into()),
        gpus: Some("a100:1".into()),
        memory: Some("16G".into()),
        workers: Some(8),
        options: vec!["--qos=long".into(), "--comment='two words'".into()],
        prologue: Some("module load cuda\n".into()),
        ..Slurm::default()
    };
    assert_eq!(engines.slurm, expected);
    assert_eq!(engines.ray.address.as_deref(), Some("http://head:8265"));
    assert_eq!(engines.ray.gpus, Some(0.5));
}

#[test]
fn what_is_wrong_is_pointed_at() {
    let before = TINY.lines().count();
    for (table, line, said) in [
        ("slurm", "partitoin = \"x\"", "did you mean `partition`?"),
        ("slurm", "time = \"1h\"", "HOURS:MINUTES:SECONDS"),
        ("slurm", "gpus = \"two\"", "gpus = \"a100:1\""),
        ("slurm", "memory = \"8GB\"", "memory = \"8G\""),
        ("slurm", "workers = 0", "must be 1 or more, not 0"),
        ("slurm", "partition = \"a b\"", "must be one word"),
        (
            "slurm",
            "options = [\"qos=x\"]",
            "for example: \"--qos=long\"",
        ),
        ("slurm", "options = [\"--x\\n#SBATCH --y\"]", "on one line"),
        ("slurm", "signal_seconds = 70000", "65535 or less"),
        (
            "ray",
            "address = \"ray://head:10001\"",
            "must be http://HOST:PORT",
        ),
        (
            "ray",
            "gpus = -1.0",
            "must be a number of 0 or more, not -1",
        ),
    ] {
        let text = format!("{TINY}\n[engines.{table}]\n{line}\n");
        let error = parse("tiny.toml", &text).expect_err(line);
        let shown = error.to_string();
        assert_eq!(error.line, before + 3, "{line}: {shown}");
        assert!(shown.contains(said), "{said:?} is not in:\n{shown}");
    }
}
