//! Trials on several ranks, each a process of its own: this executable once more.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lawn_models::{
    CowClipConfig, Device, EvaluationRecord, Granularity, MEETING, Observer, RankGroup,
    RankMembership, RankTimeouts, Ranks, RanksError, RuleName, TrialConfig, TrialEnd, TrialError,
    TrialSummary, run_trial_on,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Kind, Tensor};

use crate::common::{self, Recorder, context, timeless};

/// What a child does, in its environment.
const CASE: &str = "LAWN_TEST_CASE";
const FOLDER: &str = "LAWN_TEST_FOLDER";

/// What rank 0 found.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Found {
    records: Vec<EvaluationRecord>,
    summary: TrialSummary,
}

/// Starts the ranks of a case. `start` tells one start from another.
fn start(ranks: u32, folder: &Path, case: &str, start: &str) -> Vec<Child> {
    let one = |rank: u32| {
        Command::new(std::env::current_exe().unwrap())
            .args(["ranks::one_rank", "--exact", "--nocapture"])
            .env("RANK", rank.to_string())
            .env("LOCAL_RANK", rank.to_string())
            .env("WORLD_SIZE", ranks.to_string())
            .env("LOCAL_WORLD_SIZE", ranks.to_string())
            .env("MASTER_ADDR", "127.0.0.1")
            .env_remove("MASTER_PORT")
            .env(MEETING, start)
            .env("OMP_NUM_THREADS", "1")
            .env(CASE, case)
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    (0..ranks).map(one).collect()
}

/// Whether each rank ended well, and what it said.
fn end(children: Vec<Child>) -> Vec<(bool, String)> {
    let output = |child: Child| {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said)
    };
    children.into_iter().map(output).collect()
}

fn config(case: &str) -> TrialConfig {
    match case {
        "image" => common::trial("image", common::image()),
        "ctr" => TrialConfig {
            batch_size: 96,
            ..common::trial("ctr", ctr())
        },
        arm if common::ARMS.contains(&arm) => common::arm(arm),
        // Of tables of their own, two of them, whose rows the ranks share; of the last batch only
        // some have samples. In parts, of which some ranks have more than others.
        "adam" | "rows" | "clip" => sharded(case),
        _ => common::trial("ncf", common::ncf()),
    }
}

/// A trial whose tables can be dealt out, with a rule that moves all rows, or some.
fn sharded(case: &str) -> TrialConfig {
    let (model, rows) = match case {
        "clip" => (
            json!({ "name": "dlrm", "width": 4, "bottom": [4], "top": [8], "tables": "separate" }),
            1201,
        ),
        _ => (json!({ "name": "deepfm", "layers": [8] }), 1200),
    };
    let task = json!({
        "model": model,
        "generated": { "rows": rows, "columns": 4, "vocabulary": 18 },
    });
    let mut config = TrialConfig {
        batch_size: 97,
        micro_batch_size: Some(20),
        ..common::trial("ctr", task)
    };
    config.optimizer.granularity = Some(Granularity::Row);
    match case {
        "rows" => config.optimizer.rule = RuleName::LazyAdam,
        "clip" => {
            config.optimizer.clip_norm = Some(0.05);
            config.optimizer.lawn = false;
            config.optimizer.granularity = None;
            config.optimizer.free_epochs = None;
            config.optimizer.free_fraction = None;
            config.optimizer.cow_clip = Some(CowClipConfig::default());
            config.optimizer.ema_decay = Some(0.9);
        }
        _ => {}
    }
    config
}

fn ctr() -> serde_json::Value {
    json!({ "generated": { "rows": 1200, "columns": 4, "vocabulary": 16 } })
}

/// Ends this process at a step or in an evaluation, in one way or another.
struct Disturbed<'a> {
    inner: &'a mut Recorder,
    at: Option<u64>,
    how: &'a str,
}

impl Disturbed<'_> {
    fn disturb(&self) {
        if self.how == "short" {
            panic!("can't allocate memory, as a test has it");
        }
        let id = std::process::id().to_string();
        let signal = if self.how == "hang" { "-STOP" } else { "-KILL" };
        Command::new("kill").args([signal, &id]).status().unwrap();
        std::thread::sleep(Duration::from_secs(1));
    }
}

impl Observer for Disturbed<'_> {
    fn started(&mut self, info: &lawn_models::TrialInfo) {
        self.inner.started(info);
    }
    fn progress(&mut self, step: u64, steps: u64) {
        self.inner.progress(step, steps);
        if self.at == Some(step) {
            self.disturb();
        }
    }
    fn measuring(&mut self, samples: u64, of: u64) {
        self.inner.measuring(samples, of);
        if self.how == "measuring" && self.at.is_some() && samples < of {
            self.disturb();
        }
    }
    fn evaluated(&mut self, record: &EvaluationRecord) {
        self.inner.evaluated(record);
    }
    fn stop_requested(&self) -> bool {
        self.inner.stop_requested()
    }
    fn notice(&mut self, notice: &lawn_models::Notice) {
        self.inner.notice(notice);
    }
}

fn timeouts() -> RankTimeouts {
    RankTimeouts {
        silence: Duration::from_secs(5),
        ..RankTimeouts::default()
    }
}

/// One rank of the tests below, which start it; by itself it has nothing to do.
#[test]
fn one_rank() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let folder = std::path::PathBuf::from(std::env::var(FOLDER).unwrap());
    lawn_models::set_threads(1);
    let membership = RankMembership::of_this_process().unwrap();
    let ranks = membership.map_or(Ranks::alone(), |membership| {
        Ranks::of(RankGroup::meet(membership, &folder, Device::Cpu, timeouts()).unwrap())
    });
    if case == "sums" {
        return sums(ranks.group().unwrap());
    }
    let (kind, how) = case.split_once('-').unwrap_or((&case, ""));
    let is_second = ranks.rank() == 1;
    let mut config = config(kind);
    match how {
        // What memory holds, one rank alone knows.
        "least" => config.micro_batch_size = (!is_second).then_some(175),
        "short" => config.micro_batch_size = is_second.then_some(100),
        "apart" if is_second => config.optimizer.learning_rate *= 1.01,
        _ => {}
    }
    let how = if how == "wanting" { "short" } else { how };
    let ranks = match kind {
        "adam" | "rows" | "clip" => ranks.sharing_tables(),
        _ => ranks,
    };
    let mut recorder = Recorder {
        stop_at: (how == "stop" && is_second).then_some(4),
        ..Recorder::default()
    };
    let mut observer = Disturbed {
        at: (is_second && matches!(how, "kill" | "hang" | "short" | "measuring")).then_some(5),
        how,
        inner: &mut recorder,
    };
    let end = run_trial_on(&ranks, &config, &context(&folder), &mut observer);
    println!("ended {end:?}");
    for notice in &recorder.notices {
        println!("notice: {notice}");
    }
    match &end {
        Err(TrialError::Ranks(error)) => println!("lost: {error}"),
        Err(error) => println!("failed: {error}"),
        Ok(_) => {}
    }
    if let (true, Ok(TrialEnd::Finished(summary))) = (ranks.is_first(), end) {
        let found = Found {
            records: recorder.records.iter().map(timeless).collect(),
            summary,
        };
        let text = serde_json::to_vec(&found).unwrap();
        std::fs::write(folder.join("found.json"), text).unwrap();
    }
}

/// Sums and copies among ranks.
fn sums(group: &RankGroup) {
    let (rank, ranks) = (group.membership().rank, group.membership().ranks);
    for kind in [Kind::Float, Kind::Double] {
        let numbers = Tensor::ones([3, 5], (kind, Device::Cpu)) * f64::from(rank + 1);
        group.sum(&numbers).unwrap();
        let expected = f64::from(ranks * (ranks + 1) / 2);
        assert_eq!(numbers.sum(Kind::Double).double_value(&[]), 15.0 * expected);
    }
    let word = Tensor::from_slice(&[i64::from(rank) + 7]);
    group.broadcast(&word, ranks - 1).unwrap();
    assert_eq!(word.int64_value(&[0]), i64::from(ranks) + 6);
    // Rank r has r rows.
    let own = Tensor::full(
        [i64::from(rank), 2],
        i64::from(rank),
        (Kind::Int64, Device::Cpu),
    );
    let all = group.gather_rows(&own).unwrap();
    let expected: Vec<i64> = (0..i64::from(ranks))
        .flat_map(|rank| vec![rank; 2 * rank as usize])
        .collect();
    assert_eq!(Vec::<i64>::try_from(all.flatten(0, -1)).unwrap(), expected);
    // Rank r gives q + 1 rows with its number to rank q.
    let given: Vec<i64> = (1..=i64::from(ranks)).collect();
    let rows = Tensor::full(
        [given.iter().sum::<i64>(), 3],
        f64::from(rank),
        (Kind::Float, Device::Cpu),
    );
    let (taken, counts) = group.exchange_rows(&rows, &given).unwrap();
    assert_eq!(counts, vec![i64::from(rank) + 1; ranks as usize]);
    assert_eq!(taken.size(), [i64::from(ranks * (rank + 1)), 3]);
    let sum = f64::from((0..ranks).sum::<u32>() * (rank + 1) * 3);
    assert_eq!(taken.sum(Kind::Double).double_value(&[]), sum);
    // Rank 0 alone has something, and only for the last.
    let mut given = vec![0; ranks as usize];
    given[ranks as usize - 1] = if rank == 0 { 5 } else { 0 };
    let rows = Tensor::ones([given.iter().sum(), 2], (Kind::Double, Device::Cpu));
    let (taken, _) = group.exchange_rows(&rows, &given).unwrap();
    let expected = if rank == ranks - 1 { 5 } else { 0 };
    assert_eq!(taken.size(), [expected, 2]);
    assert_eq!(
        taken.sum(Kind::Double).double_value(&[]),
        2.0 * expected as f64
    );
    if rank == 0 {
        group.tell("go on").unwrap();
    } else {
        assert_eq!(group.hear().unwrap(), "go on");
    }
    assert_eq!(group.places().len(), ranks as usize);
    for place in group.places() {
        assert_eq!(place, &group.places()[0], "one machine");
        assert!(place.device == "cpu" && !place.host.is_empty(), "{place:?}");
    }
    group.barrier().unwrap();
    group.finish().unwrap();
}

fn sound(ended: &[(bool, String)]) {
    for (rank, (is_well, said)) in ended.iter().enumerate() {
        assert!(is_well, "rank {rank}:\n{said}");
    }
}

#[test]
fn ranks_sum_and_exchange() {
    for ranks in [2, 4] {
        let folder = tempfile::tempdir().unwrap();
        sound(&end(start(ranks, folder.path(), "sums", "one")));
        // The file by which they met is gone.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

fn found(case: &str, ranks: u32) -> Found {
    let folder = tempfile::tempdir().unwrap();
    sound(&end(start(ranks, folder.path(), case, "one")));
    read(folder.path())
}

fn read(folder: &Path) -> Found {
    serde_json::from_slice(&std::fs::read(folder.join("found.json")).unwrap()).unwrap()
}

/// All numbers of a record, by what they are of.
fn numbers(value: &serde_json::Value, at: &str, into: &mut Vec<(String, f64)>) {
    match value {
        serde_json::Value::Number(number) => into.push((at.to_owned(), number.as_f64().unwrap())),
        serde_json::Value::Array(all) => {
            for (place, one) in all.iter().enumerate() {
                numbers(one, &format!("{at}/{place}"), into);
            }
        }
        serde_json::Value::Object(all) => {
            let metric = all.get("metric").and_then(serde_json::Value::as_str);
            let at = metric.map_or(at.to_owned(), |metric| format!("{at}/{metric}"));
            for (name, one) in all {
                numbers(one, &format!("{at}/{name}"), into);
            }
        }
        _ => {}
    }
}

fn require_alike(one: &Found, other: &Found, what: &str) {
    let of = |found: &Found| {
        let mut into = Vec::new();
        numbers(&serde_json::to_value(found).unwrap(), "", &mut into);
        into
    };
    let (one, other) = (of(one), of(other));
    assert_eq!(one.len(), other.len());
    let mut worst = (0.0f64, String::new());
    for ((name, one), (same, other)) in one.iter().zip(&other) {
        assert_eq!(name, same);
        let mut apart = (one - other).abs() / one.abs().max(1e-3);
        if name.ends_with("/auc/value") {
            // It takes a step of 1 / (clicks × others) where two scores change places: in 200 rows
            // one of 2e-4, however close they are.
            apart /= 1000.0;
        }
        if apart > worst.0 {
            worst = (apart, format!("{name}: {one} and {other}"));
        }
    }
    println!("{what}: {worst:?}");
    assert!(worst.0 < 1e-6, "{what}: {worst:?}");
}

#[test]
fn a_trial_is_the_same_on_1_2_and_4_ranks() {
    for case in ["ncf", "image", "ctr"] {
        let alone = found(case, 1);
        for ranks in [2, 4] {
            let shared = found(case, ranks);
            require_alike(&alone, &shared, &format!("{case} on {ranks} ranks"));
            assert_eq!(shared, found(case, ranks), "{case} twice");
        }
    }
}

/// What an evaluation decides is decided alike on all ranks, and running statistics of weights that
/// are not trained with are the same.
#[test]
fn what_evaluations_decide_is_the_same_on_2_ranks() {
    for case in common::ARMS {
        let (alone, shared) = (found(case, 1), found(case, 2));
        require_alike(&alone, &shared, &format!("{case} on 2 ranks"));
        let frozen = |found: &Found| found.summary.frozen_at_step;
        assert_eq!(frozen(&alone), frozen(&shared), "{case}");
        assert_eq!(frozen(&alone).is_some(), case == "freeze");
    }
}

/// Rules that move all rows and rules that move those looked up, LAWN by row, clipping by norm and by
/// row, an average: with the rows of the tables with their owners all is as with whole tables.
#[test]
fn tables_in_rows_on_2_and_4_ranks_are_as_whole_ones_on_1() {
    for case in ["adam", "rows", "clip"] {
        let alone = found(case, 1);
        for ranks in [2, 4] {
            let shared = found(case, ranks);
            require_alike(&alone, &shared, &format!("{case} on {ranks} ranks"));
            if case == "adam" {
                assert_eq!(shared, found(case, ranks), "{case} twice");
            }
        }
    }
}

/// The checkpoint that a kill leaves is whole: two ranks go on from it bit for bit, and four or one as
/// well.
#[test]
fn tables_in_rows_go_on_from_a_kill_on_any_number_of_ranks() {
    let killed = tempfile::tempdir().unwrap();
    let ended = end(start(2, killed.path(), "adam-kill", "one"));
    assert!(ended[0].1.contains("rank 1 is gone"), "{}", ended[0].1);
    let last = |mut found: Found| {
        found.records.drain(..found.records.len() - 1);
        found
    };
    let through = last(found("adam", 2));
    for ranks in [2, 4, 1] {
        let folder = tempfile::tempdir().unwrap();
        let name = "checkpoint.safetensors";
        std::fs::copy(killed.path().join(name), folder.path().join(name)).unwrap();
        let ended = end(start(ranks, folder.path(), "adam", "two"));
        sound(&ended);
        let is_said = ended[0]
            .1
            .contains(&format!("by {ranks} ranks, by 2 before"));
        assert_eq!(is_said, ranks != 2, "{}", ended[0].1);
        let resumed = last(read(folder.path()));
        match ranks {
            2 => assert_eq!(through, resumed),
            _ => require_alike(&through, &resumed, &format!("2 ranks and then {ranks}")),
        }
    }
}

#[test]
fn a_rank_that_is_killed_ends_all_and_the_trial_goes_on_from_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let since = Instant::now();
    let ended = end(start(2, folder.path(), "image-kill", "one"));
    assert!(since.elapsed() < Duration::from_secs(30));
    assert!(
        ended[0].1.contains("lost: rank 1 is gone"),
        "{}",
        ended[0].1
    );
    assert!(!ended[1].0);
    // With another number of ranks it ends where it would have.
    sound(&end(start(2, folder.path(), "image", "two")));
    let resumed = read(folder.path());
    let through = found("image", 2);
    assert_eq!(resumed.summary, through.summary);
    assert_eq!(resumed.records.last(), through.records.last());
}

/// In the midst of an evaluation, and one of four.
#[test]
fn whenever_a_rank_is_killed_all_others_name_it() {
    for (case, ranks) in [("image-measuring", 2), ("ctr-kill", 4)] {
        let folder = tempfile::tempdir().unwrap();
        let since = Instant::now();
        let ended = end(start(ranks, folder.path(), case, "one"));
        assert!(since.elapsed() < Duration::from_secs(30), "{case}");
        for (rank, (is_well, said)) in ended.iter().enumerate() {
            assert_eq!(*is_well, rank != 1, "{case}, rank {rank}: {said}");
            // Gone by a broken connection, or silent where none is to it.
            let is_named = said.contains("lost: rank 1 ");
            assert!(is_named || rank == 1, "{case}, rank {rank}: {said}");
        }
    }
}

/// All ranks learn of it, one says so, and in new processes they all take as few samples at once as the
/// one that knows: to the same end.
#[test]
fn a_rank_without_memory_is_named_and_all_go_on_with_less() {
    let folder = tempfile::tempdir().unwrap();
    let ended = end(start(2, folder.path(), "ncf-wanting", "one"));
    sound(&ended);
    let short = "can't allocate memory, as a test has it";
    for (said, words) in [
        (
            &ended[0].1,
            format!("failed: out of memory: on rank 1: {short}"),
        ),
        (&ended[1].1, format!("failed: out of memory: {short}")),
    ] {
        assert!(said.contains(&words), "{words:?} is not in: {said}");
    }
    let halved = |said: &str, from: u32, to: u32| {
        let words = format!("out of memory with {from} samples at once, goes on with {to}");
        assert!(said.contains(&words), "{words:?} is not in: {said}");
    };
    // A rank has half of the batch at most.
    halved(&ended[0].1, 350, 175);
    sound(&end(start(2, folder.path(), "ncf-least", "two")));
    let last = |mut found: Found| {
        found.records.drain(..found.records.len() - 1);
        found
    };
    let whole = last(found("ncf", 2));
    require_alike(&whole, &last(read(folder.path())), "in smaller parts");
    // What rank 1 knows, rank 0 takes, too.
    let folder = tempfile::tempdir().unwrap();
    let ended = end(start(2, folder.path(), "ncf-short", "one"));
    halved(&ended[0].1, 100, 50);
}

/// Ranks of other settings would not hold the same weights: they are refused before they train.
#[test]
fn a_rank_of_other_settings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ended = end(start(2, folder.path(), "ncf-apart", "one"));
    for (rank, (_, said)) in ended.into_iter().enumerate() {
        let words = "rank 1 trains another trial: optimizer.learning_rate 0.0101, at rank 0 0.01\n";
        assert!(said.contains(words), "rank {rank}: {said}");
    }
}

#[test]
fn a_rank_that_hangs_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut children = start(2, folder.path(), "image-hang", "one");
    let hung = children.pop().unwrap();
    let since = Instant::now();
    let ended = end(children);
    assert!(since.elapsed() < Duration::from_secs(30));
    let said = &ended[0].1;
    assert!(
        said.contains("lost: rank 1 has given no sign of life"),
        "{said}"
    );
    let mut hung = hung;
    hung.kill().unwrap();
    hung.wait().unwrap();
}

#[test]
fn a_rank_that_is_asked_to_stop_stops_all_with_one_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let ended = end(start(2, folder.path(), "ncf-stop", "one"));
    sound(&ended);
    let preempted = "ended Ok(Preempted { epoch: 1, step: 5 })";
    assert!(
        ended.iter().all(|(_, said)| said.contains(preempted)),
        "{ended:?}"
    );
    // Four go on where two have stopped.
    sound(&end(start(4, folder.path(), "ncf", "two")));
    // What came before the stop was told by those two.
    let at_the_end = |mut found: Found| {
        found.records.drain(..found.records.len() - 1);
        found
    };
    require_alike(
        &at_the_end(found("ncf", 1)),
        &at_the_end(read(folder.path())),
        "ncf, 2 ranks and then 4",
    );
}

#[test]
fn a_rank_that_does_not_come_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let membership = RankMembership {
        rank: 0,
        ranks: 2,
        local_rank: 0,
        local_ranks: 2,
        address: "127.0.0.1".into(),
        port: None,
        agent_store: false,
        start: "one".into(),
    };
    let timeouts = RankTimeouts {
        meeting: Duration::from_secs(1),
        ..timeouts()
    };
    let error = RankGroup::meet(membership, folder.path(), Device::Cpu, timeouts).unwrap_err();
    assert!(matches!(error, RanksError::Meeting { .. }));
    assert!(
        error.to_string().contains("rank 1 has not come within 1 s"),
        "{error}"
    );
}
