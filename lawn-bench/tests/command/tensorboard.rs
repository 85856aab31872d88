//! Event files as TensorBoard's own reader sees them.

use std::path::Path;
use std::process::Command;

use lawn_bench::plan::{Cell, Trial};
use lawn_bench::trial::hparams::HyperParameters;
use lawn_bench::trial::tensorboard::{EventFile, folder};
use lawn_models::{Measurement, OptimizerSettings, RuleName, Split, Stage};

/// Reads the folder that it is given, prints each tag with its steps and values.
const READER: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
"#;

/// Reads the folder that it is given as the table of hyper-parameters does: prints each group of
/// trials with its hyper-parameters, its number of trials, how they ended and their mean metrics.
const TABLE: &str = r#"
import json, sys
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
sizes = {"hparams": 0, "scalars": 0}
runs = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance=sizes)
runs.AddRunsFromDirectory(sys.argv[1])
runs.Reload()
provider = data_provider.MultiplexerDataProvider(runs, sys.argv[1])
backend = backend_context.Context(
    base_plugin.TBContext(logdir=sys.argv[1], multiplexer=runs, data_provider=provider))
here = context.RequestContext()
known = backend.experiment_from_metadata(
    here, "", True, backend.hparams_metadata(here, ""),
    backend.hparams_from_data_provider(here, "", limit=None))
states = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING]
request = api_pb2.ListSessionGroupsRequest(
    start_index=0, slice_size=100, allowed_statuses=states, include_metrics=True,
    aggregation_type=api_pb2.AGGREGATION_AVG)
for metric in known.metric_infos:
    column = request.col_params.add()
    column.metric.group, column.metric.tag = metric.name.group, metric.name.tag
for name in (info.name for info in known.hparam_infos):
    request.col_params.add().hparam = name
found = list_session_groups.Handler(here, backend, "", request).run().session_groups
print(json.dumps({group.name: {
    "trials": len(group.sessions),
    "ended": [session.status for session in group.sessions],
    "given": {name: value.string_value or value.number_value
              for name, value in group.hparams.items()},
    "metrics": {one.name.tag: one.value for one in group.metric_values},
} for group in found}))
"#;

/// The interpreter that `just setup` made; absent where libtorch comes from elsewhere.
fn python() -> Option<std::path::PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import tensorboard"])
        .output();
    has.is_ok_and(|output| output.status.success())
        .then_some(python)
}

fn read(python: &Path, reader: &str, folder: &Path) -> serde_json::Value {
    let output = Command::new(python)
        .args(["-c", reader])
        .arg(folder)
        .output()
        .expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn tensorboard_reads_scalars_and_drops_what_was_trained_again() {
    let Some(python) = python() else {
        eprintln!("skipped: no .venv with tensorboard, `just venv` makes one");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let value = |value: f64| [("loss/train".to_owned(), value)];
    let mut first = EventFile::create(folder.path(), 0).expect("it can be made");
    for (step, loss) in [(10, 0.5), (20, 0.25), (30, 9.0)] {
        first
            .scalars(step, &value(loss))
            .expect("it can be written");
    }
    // Killed after step 30, its last record cut; the checkpoint was of step 20.
    let mut files = std::fs::read_dir(folder.path()).expect("it can be read");
    let path = files.next().expect("one file").expect("it is there").path();
    let mut bytes = std::fs::read(&path).expect("it can be read");
    bytes.extend(&bytes[..5].to_vec());
    std::fs::write(&path, bytes).expect("it can be written");

    let mut second = EventFile::create(folder.path(), 20).expect("it can be made");
    for (step, loss) in [(30, 0.125), (1 << 40, 0.0625)] {
        second
            .scalars(step, &value(loss))
            .expect("it can be written");
    }
    let expected = serde_json::json!({
        "loss/train": [[10, 0.5], [20, 0.25], [30, 0.125], [1_u64 << 40, 0.0625]],
    });
    assert_eq!(read(&python, READER, folder.path()), expected);
}

#[test]
fn tensorboards_table_has_hyper_parameters_and_the_mean_of_seeds() {
    let Some(python) = python() else {
        eprintln!("skipped: no .venv with tensorboard, `just venv` makes one");
        return;
    };
    let root = tempfile::tempdir().expect("a temporary folder");
    let mut optimizer = OptimizerSettings::new(RuleName::Adam, 0.25);
    optimizer.beta1 = Some(0.5);
    for (seed, accuracy) in [(1, Some(0.5)), (2, Some(0.75)), (3, None)] {
        let trial = Trial {
            id: "0123456789abcdef".into(),
            cell: Cell {
                task: "pictures".into(),
                arm: if accuracy.is_some() { "adam" } else { "lost" }.into(),
                batch_size: 64,
            },
            stage: Stage::Confirm,
            rung: 0,
            setting: Some(3),
            place: None,
            seed,
        };
        let folder = folder(root.path(), &trial, 3);
        let mut events = EventFile::create(&folder, 0).expect("it can be made");
        let given = HyperParameters::new(&trial, 3, &optimizer);
        events
            .hyper_parameters(0, &given)
            .expect("it can be written");
        let measured = accuracy.map(|value| Measurement {
            split: Split::Test,
            metric: "accuracy".into(),
            value,
            count: None,
            total: None,
        });
        let measured: Vec<Measurement> = measured.into_iter().collect();
        events
            .ended(40, accuracy.is_some(), &measured)
            .expect("it can be written");
    }
    let found = read(&python, TABLE, root.path());
    let both = &found["pictures/adam/batch-64/confirm-setting-3"];
    assert_eq!(
        (&both["trials"], &both["metrics"]["final/accuracy/test"]),
        (&2.into(), &0.625.into())
    );
    let given = &both["given"];
    assert_eq!(
        (&given["learning_rate"], &given["beta1"]),
        (&0.25.into(), &0.5.into())
    );
    assert_eq!(
        (&given["arm"], &given["batch_size"]),
        (&"adam".into(), &64.0.into())
    );
    let lost = &found["pictures/lost/batch-64/confirm-setting-3"];
    assert_eq!(
        (&both["ended"], &lost["ended"]),
        (&serde_json::json!([1, 1]), &serde_json::json!([2]))
    );
}
