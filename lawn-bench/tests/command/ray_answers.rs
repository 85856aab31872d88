//! The Ray engine against a server that gives recorded answers: what an exit code of a job
//! becomes. `engines.rs` has the real server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use crate::common::SMALL;
use lawn_analysis::records::Outcome;
use lawn_bench::engine::{self, Completion, EngineName, Watcher, Work};
use lawn_bench::plan::{Only, Plan};
use lawn_bench::process::stop::Stop;
use lawn_bench::run::ending::Ending;
use lawn_bench::run::run_dir::RunDir;
use lawn_bench::trial::Event;
use lawn_bench::{Error, config};

/// What Ray 2.60 says of a job that ended with an exit code.
const FAILED: &str = r#"{"type": "SUBMISSION", "job_id": null, "submission_id": "lawn-1",
 "driver_info": null, "status": "FAILED", "entrypoint": "lawn trial",
 "message": "Job entrypoint command failed with exit code CODE, last available logs (truncated to 20,000 chars):\n",
 "error_type": null, "start_time": 1764000000000, "end_time": 1764000001000, "metadata": {},
 "runtime_env": {}, "driver_agent_http_address": "http://127.0.0.1:52365",
 "driver_node_id": "0", "driver_exit_code": CODE}"#;

/// Answers every request until the test is over: a new job is taken, and has ended with `code`.
fn serve(code: i32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            answer(stream, code);
        }
    });
    address
}

fn answer(stream: TcpStream, code: i32) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) < 3 {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        head += &line;
    }
    reader
        .by_ref()
        .take(length)
        .read_to_end(&mut Vec::new())
        .expect("the body comes");
    let body = if head.starts_with("POST") {
        r#"{"job_id": "lawn-1", "submission_id": "lawn-1"}"#.to_owned()
    } else if head.contains("/api/version") {
        r#"{"version": "4", "ray_version": "2.60.0", "ray_commit": "0"}"#.to_owned()
    } else {
        FAILED.replace("CODE", &code.to_string())
    };
    let length = body.len();
    let _ = write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

#[derive(Default)]
struct Heard {
    ended: Vec<Ending>,
}

impl Watcher for Heard {
    fn began(&mut self, _worker: usize, _index: usize) {}
    fn event(&mut self, _worker: usize, _index: usize, _event: &Event) {}
    fn stopped(&mut self, _worker: usize, _index: usize) {}
    fn ended(&mut self, _worker: Option<usize>, _index: usize, outcome: &Ending) {
        self.ended.push(outcome.clone());
    }
    fn note(&mut self, _line: &str) {}
}

/// What comes of a trial whose job ended with `code`, and said `words`.
fn ended(code: i32, words: &str) -> Result<Ending, Box<Error>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let sweep = config::parse("small.toml", SMALL).unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::new(sweep, Default::default());
    plan.write(&run, Path::new("small.toml"), SMALL)
        .expect("it can be written");
    let trial = run.trial(&plan.trials[0].id);
    std::fs::create_dir_all(trial.root()).expect("a folder");
    std::fs::write(trial.stderr(), words).expect("it can be written");
    let mut settings = plan.sweep.engines.clone();
    settings.ray.address = Some(serve(code));
    let work = Work {
        run: &run,
        plan: &plan,
        workers: 1,
        data_root: None,
        max_failures: None,
        only: &Only::default(),
        on_end: Vec::new(),
        stop: &Stop::default(),
    };
    let engine = engine::engine(EngineName::Ray, work, &settings).expect("it has an address");
    let mut heard = Heard::default();
    assert_eq!(engine.run(&[0], &mut heard)?, Completion::Through);
    assert_eq!(heard.ended.len(), 1);
    Ok(heard.ended.remove(0))
}

#[test]
fn a_job_without_room_to_write_to_ends_the_sweep_and_is_no_outcome() {
    let words = "error: cannot write log.jsonl: No space left on device (os error 28)";
    let error = ended(5, words).expect_err("there is no room");
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(matches!(*error, Error::NoRoom { .. }), "{error}");
}

#[test]
fn a_job_on_a_machine_with_other_data_ends_the_sweep_and_is_no_outcome() {
    let words = "error: run was made with other files of the data set `ml-1m`";
    let error = ended(2, words).expect_err("the machine has other data");
    assert!(error.to_string().contains("other files"), "{error}");
    assert!(matches!(*error, Error::Refused { .. }), "{error}");
}

#[test]
fn any_other_death_is_an_outcome() {
    let ending = ended(17, "no such thing").expect("an outcome");
    assert_eq!(ending.outcome, Outcome::Crashed);
    assert_eq!(
        ending.detail.as_deref(),
        Some("exit code 17; no such thing")
    );
    let ending = ended(-9, "").expect("an outcome");
    let detail = ending.detail.unwrap_or_default();
    assert!(detail.starts_with("signal 9 (SIGKILL)"), "{detail}");
}

#[test]
fn a_job_that_its_machine_cannot_execute_or_stops_at_once_is_no_outcome() {
    for (code, words, told) in [
        (
            127,
            "env: '/opt/lawn': No such file or directory",
            "/opt/lawn",
        ),
        (
            1,
            "lawn: /lib/libc.so.6: version `GLIBC_2.38' not found",
            "GLIBC_2.38",
        ),
        (-15, "", "3 jobs in a row"),
    ] {
        let error = ended(code, words).expect_err("it was not trained");
        assert!(matches!(*error, Error::Refused { .. }), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

/// What becomes of a sweep whose jobs go to this address, within ten seconds.
fn refused_at(address: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = RunDir::new(folder.path());
    let sweep = config::parse("small.toml", SMALL).unwrap_or_else(|error| panic!("{error}"));
    let plan = Plan::new(sweep, Default::default());
    let mut settings = plan.sweep.engines.clone();
    settings.ray.address = Some(address.to_owned());
    let work = Work {
        run: &run,
        plan: &plan,
        workers: 1,
        data_root: None,
        max_failures: None,
        only: &Only::default(),
        on_end: Vec::new(),
        stop: &Stop::default(),
    };
    let engine = engine::engine(EngineName::Ray, work, &settings).expect("it has an address");
    let since = std::time::Instant::now();
    let refused = engine
        .run(&[0], &mut Heard::default())
        .expect_err("no Ray answers");
    assert!(since.elapsed().as_secs() < 10, "{:?}", since.elapsed());
    refused.to_string()
}

#[test]
fn an_address_where_nobody_answers_is_told_within_ten_seconds() {
    // One that refuses, and one that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = |listener: &TcpListener| listener.local_addr().expect("it is bound").port();
    let gone = port(&TcpListener::bind("127.0.0.1:0").expect("a free port"));
    for port in [gone, port(&silent)] {
        let refused = refused_at(&format!("http://127.0.0.1:{port}"));
        assert!(refused.contains(&format!("127.0.0.1:{port}")), "{refused}");
    }
}

#[test]
fn another_web_server_is_told_for_what_it_is() {
    for answer in ["404 Not Found", "200 OK"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let _ = stream.read(&mut [0; 4096]);
                let page = "<html>It works!</html>";
                let _ = write!(
                    stream,
                    "HTTP/1.1 {answer}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{page}",
                    page.len()
                );
            }
        });
        let refused = refused_at(&address);
        for part in [
            "no Ray Jobs server is at this address, though a web server is",
            &answer[..3],
            &address,
            "port 8265",
        ] {
            assert!(refused.contains(part), "{part} is not in {refused}");
        }
    }
}
