//! Getting files over HTTP and from folders: every way in which a source can fail, and what
//! is left of a file then.

#[path = "common/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lawn_bench::Error;
use lawn_bench::data::fetch::{
    Catalogue, Download, Fetch, FetchError, KeptFile, Patience, PublicSet, Source, View,
};
use server::{Answer, Server};

/// A file of 50,000 bytes and 5,000 lines.
fn body() -> Vec<u8> {
    server::lines(5000)
}

/// Notes what people are told.
#[derive(Default)]
struct Said(Vec<String>);

impl View for Said {
    fn asked(&mut self, _name: &str, _set: &PublicSet) {}
    fn note(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
    fn began(&mut self, _file: &str, _place: &str, _from: u64, _total: Option<u64>) {}
    fn moved(&mut self, _at: u64) {}
    fn kept(&mut self, _kept: &KeptFile) {}
    fn got(&mut self, _got: &Download) {}
}

/// A data root, and a catalogue with the set `small` of one file, `a.txt`.
struct Place {
    folder: tempfile::TempDir,
    known: String,
}

impl Place {
    /// `known` is what the catalogue says of the file beside its name.
    fn new(known: &str) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            known: known.to_owned(),
        }
    }

    /// One whose catalogue knows the SHA-256 of [`body`].
    fn exact() -> Self {
        Self::new(&format!("sha256 = \"{}\"", server::digest(&body())))
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("small/a.txt")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join("small/a.txt.part")
    }

    fn leave(&self, path: &Path, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
        std::fs::write(path, bytes).expect("there is room");
    }

    /// Gets the set from `sources`, with `mirrors` before them.
    fn get(
        &self,
        mirrors: &[String],
        sources: &[String],
    ) -> (Result<Download, Error>, Vec<String>) {
        let path = self.folder.path().join("catalogue.toml");
        let text = format!(
            "[small]\nabout = \"a small set\"\nsources = {sources:?}\n[[small.files]]\nname = \"a.txt\"\n{}\n",
            self.known
        );
        std::fs::write(&path, text).expect("there is room");
        let mut catalogue = Catalogue::built_in();
        catalogue.add(&path).expect("it is right");
        let fetch = Fetch {
            root: self.folder.path().into(),
            mirrors: mirrors
                .iter()
                .map(|text| Source::parse(text).expect("it is one"))
                .collect(),
            patience: Patience {
                tries: 3,
                first_pause: Duration::from_millis(1),
                longest_pause: Duration::from_millis(20),
                connect: Duration::from_secs(5),
                silence: Duration::from_millis(400),
            },
        };
        let mut said = Said::default();
        let set = catalogue.set("small").expect("it was added");
        (fetch.get("small", set, &mut said), said.0)
    }

    /// Gets it from one server, and expects that.
    fn gets(&self, server: &Server) -> Vec<String> {
        let (got, said) = self.get(&[], &[server.address()]);
        let got = got.unwrap_or_else(|error| panic!("{error}\n{said:?}"));
        assert_eq!(std::fs::read(self.target()).expect("it was got"), body());
        assert!(!self.part().exists());
        assert_eq!(got.files[0].sha256, server::digest(&body()));
        said
    }

    /// Expects that it is not got, and nothing is there that could be taken for it.
    fn refuses(&self, sources: &[String]) -> FetchError {
        let (got, _) = self.get(&[], sources);
        assert!(!self.target().exists());
        match got {
            Err(Error::Fetch(error)) => *error,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_file_is_got_whole_recorded_and_not_got_again() {
    let (place, server) = (Place::exact(), Server::of(body()));
    place.gets(&server);
    let sums = std::fs::read_to_string(place.folder.path().join("small/SHA256SUMS"));
    let line = format!("{}  a.txt\n", server::digest(&body()));
    assert_eq!(sums.expect("it was recorded"), line);
    place.gets(&server);
    let asked = server.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(
        (asked[0].path.as_str(), asked[0].from),
        ("/data/a.txt", None)
    );
}

#[test]
fn a_part_is_gone_on_with_wherever_it_ends() {
    let whole = body();
    for at in [
        1,
        2,
        1023,
        1024,
        8191,
        8192,
        25_000,
        65_535.min(whole.len() - 1),
        whole.len() - 1,
    ] {
        let (place, server) = (Place::exact(), Server::of(whole.clone()));
        place.leave(&place.part(), &whole[..at]);
        assert_eq!(place.gets(&server), Vec::<String>::new());
        let asked = server.requests();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].from, Some(at));
    }
}

#[test]
fn a_part_that_is_whole_needs_its_name_alone() {
    let (place, server) = (Place::exact(), Server::of(body()));
    place.leave(&place.part(), &body());
    assert_eq!(place.gets(&server), Vec::<String>::new());
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_part_of_another_file_is_found_out_and_got_from_its_start() {
    let whole = body();
    let mut other = whole[..20_000].to_vec();
    other[7] = b'x';
    let longer = vec![b'x'; whole.len() + 1];
    for part in [other, longer] {
        let (place, server) = (Place::exact(), Server::of(whole.clone()));
        place.leave(&place.part(), &part);
        place.gets(&server);
    }
}

#[test]
fn a_server_that_ignores_ranges_starts_again() {
    let whole = body();
    let place = Place::exact();
    place.leave(&place.part(), &vec![b'x'; 30_000]);
    let server = Server::new(move |_, _| Answer {
        body: body(),
        ..Answer::status(200)
    });
    assert_eq!(place.gets(&server), Vec::<String>::new());
    // And one that sends another part than it was asked for is asked for all.
    let place = Place::exact();
    place.leave(&place.part(), &whole[..30_000]);
    let server = Server::new(|request, number| match number {
        0 => Answer {
            headers: vec![("Content-Range", "bytes 10-49999/50000".into())],
            body: body()[10..].to_vec(),
            ..Answer::status(206)
        },
        _ => Answer::file(&body(), request),
    });
    place.gets(&server);
    let from: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.from)
        .collect();
    assert_eq!(from, [Some(30_000), None]);
}

#[test]
fn a_connection_that_breaks_off_is_gone_on_with() {
    for unsized_ in [false, true] {
        // Without a size the end of a body is its end: only its SHA-256 tells.
        let place = Place::exact();
        let server = Server::new(move |request, number| Answer {
            cut: (number < 4).then_some(9_000),
            unsized_: unsized_ && number >= 4,
            ..Answer::file(&body(), request)
        });
        let said = place.gets(&server);
        let from: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.from)
            .collect();
        let at = |count: usize| Some(9_000 * count);
        assert_eq!(from, [None, at(1), at(2), at(3), at(4)]);
        assert_eq!(
            said.len(),
            4,
            "more than 3 tries, as each brought something: {said:?}"
        );
        assert!(said[0].contains("9000"), "{said:?}");
    }
    let place = Place::exact();
    let short = Server::new(|_, _| Answer {
        body: body()[..9_000].to_vec(),
        unsized_: true,
        ..Answer::status(200)
    });
    let error = place.refuses(&[short.address()]);
    assert!(
        matches!(
            error,
            FetchError::Mismatch {
                what: "SHA-256",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_silent_server_is_given_up_and_what_it_sent_is_kept() {
    let place = Place::exact();
    let server = Server::new(|request, number| Answer {
        cut: (number == 0).then_some(2048),
        slow: (number > 0).then_some(Duration::from_secs(3600)),
        ..Answer::file(&body(), request)
    });
    let since = Instant::now();
    let error = place.refuses(&[server.address()]);
    assert!(matches!(error, FetchError::NotThere { .. }), "{error}");
    assert!(
        since.elapsed() < Duration::from_secs(60),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(server.requests().len(), 3);
    assert_eq!(
        std::fs::read(place.part()).expect("it is kept"),
        body()[..2048]
    );
    place.gets(&Server::of(body()));
}

#[test]
fn another_file_is_refused_by_hash_size_or_lines_and_nothing_of_it_is_kept() {
    let mut other = body();
    other[77] ^= 1;
    let cases: [(Place, Vec<u8>, &str, String, String); 3] = [
        (
            Place::exact(),
            other.clone(),
            "SHA-256",
            server::digest(&body()),
            server::digest(&other),
        ),
        (
            Place::new("bytes = 50000"),
            body()[10..].to_vec(),
            "size in bytes",
            "50000".into(),
            "49990".into(),
        ),
        (
            Place::new("lines = 5000"),
            body()[10..].to_vec(),
            "number of lines",
            "5000".into(),
            "4999".into(),
        ),
    ];
    for (place, sent, differs, should, is) in cases {
        let server = Server::of(sent);
        let error = place.refuses(&[server.address()]);
        let text = error.to_string();
        let FetchError::Mismatch {
            file,
            what,
            expected,
            found,
            source_name,
        } = error
        else {
            panic!("{text}");
        };
        assert_eq!((file.as_str(), what), ("a.txt", differs));
        assert_eq!((expected, found), (should, is));
        assert_eq!(source_name, format!("{}/a.txt", server.address()));
        assert!(!place.part().exists(), "{text}");
        // The right file is got afterwards, at the same place.
        place.gets(&Server::of(body()));
    }
}

#[test]
fn what_passes_is_tried_again_and_what_lasts_is_not() {
    for status in [500, 502, 503, 429, 408] {
        let place = Place::exact();
        let server = Server::new(move |request, number| match number {
            0 => Answer {
                headers: vec![("Retry-After", "3600".into())],
                ..Answer::status(status)
            },
            1 => Answer::status(status),
            _ => Answer::file(&body(), request),
        });
        let said = place.gets(&server);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].contains(&status.to_string()), "{said:?}");
    }
    for (status, tries) in [(404, 1), (403, 1), (410, 1), (500, 3)] {
        let place = Place::exact();
        let server = Server::new(move |_, _| Answer::status(status));
        let error = place.refuses(&[server.address()]);
        assert!(matches!(error, FetchError::NotThere { .. }), "{error}");
        let said = error.to_string();
        assert!(said.contains(&format!("answers {status}")), "{said}");
        assert!(said.contains(&server.address()), "{said}");
        assert_eq!(server.requests().len(), tries);
        assert!(!place.part().exists());
    }
}

#[test]
fn redirects_are_followed_with_the_range_and_not_for_ever() {
    let (place, server) = (Place::exact(), Server::of(body()));
    let there = format!("{}/moved", server.address());
    let redirect = Server::new(move |_, _| Answer {
        headers: vec![("Location", there.clone())],
        ..Answer::status(302)
    });
    place.leave(&place.part(), &body()[..1234]);
    place.gets(&redirect);
    let asked = server.requests();
    assert_eq!(
        (asked[0].path.as_str(), asked[0].from),
        ("/data/moved", Some(1234))
    );
    let place = Place::exact();
    let round = Server::new(|request, _| Answer {
        headers: vec![("Location", request.path.clone())],
        ..Answer::status(302)
    });
    let error = place.refuses(&[round.address()]).to_string();
    assert!(error.contains("redirect"), "{error}");
}

#[test]
fn mirrors_come_first_in_either_layout_and_the_publisher_last() {
    let nobody = "http://127.0.0.1:1".to_owned();
    for layout in ["small/a.txt", "a.txt"] {
        let (place, mirror) = (Place::exact(), tempfile::tempdir().expect("a folder"));
        place.leave(&mirror.path().join(layout), &body());
        let mirrors = [nobody.clone(), mirror.path().display().to_string()];
        let (got, _) = place.get(&mirrors, &[]);
        let got = got.unwrap_or_else(|error| panic!("{error}"));
        let from = mirror.path().join(layout).display().to_string();
        assert_eq!(got.files[0].source.as_ref(), Some(&from));
    }
    // A mirror with another file is told apart; the publisher has the right one.
    let (place, mirror, server) = (
        Place::exact(),
        Server::of(vec![b'x'; 60_000]),
        Server::of(body()),
    );
    let (got, _) = place.get(&[mirror.address()], &[server.address()]);
    let got = got.unwrap_or_else(|error| panic!("{error}"));
    let from = format!("{}/a.txt", server.address());
    assert_eq!(got.files[0].source.as_ref(), Some(&from));
    assert_eq!(
        server.requests()[0].from,
        None,
        "nothing of the mirror's was kept"
    );
    // Where nobody has it, all that was tried is said.
    let place = Place::exact();
    let none = Server::new(|_, _| Answer::status(404));
    let error = place.refuses(&[nobody.clone(), none.address()]);
    let said = error.to_string();
    assert!(
        matches!(error, FetchError::NoSource { ref tried, .. } if tried.len() == 2),
        "{said}"
    );
    assert!(
        said.contains(&nobody) && said.contains("answers 404"),
        "{said}"
    );
}

#[test]
fn what_one_source_began_another_ends() {
    let place = Place::exact();
    let first = Server::new(|request, number| match number {
        0 => Answer {
            cut: Some(11_000),
            ..Answer::file(&body(), request)
        },
        _ => Answer::status(404),
    });
    let second = Server::of(body());
    let (got, _) = place.get(&[], &[first.address(), second.address()]);
    got.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(second.requests()[0].from, Some(11_000));
}

#[test]
fn a_file_that_is_there_and_is_another_is_left_and_named() {
    for known in [
        format!("sha256 = \"{}\"", server::digest(&body())),
        String::new(),
    ] {
        let (place, server) = (Place::new(&known), Server::of(body()));
        place.gets(&server);
        let mut other = body();
        other[0] = b'x';
        place.leave(&place.target(), &other);
        let (got, _) = place.get(&[], &[server.address()]);
        let error = got.expect_err("it was changed").to_string();
        assert!(
            error.contains("small/a.txt is there") && error.contains("move it away"),
            "{error}"
        );
        assert_eq!(std::fs::read(place.target()).expect("it is there"), other);
    }
}

#[test]
fn a_set_whose_reader_counts_something_else_is_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let sizes = lawn_models::GeneratedRatings {
        users: 60,
        items: 220,
        interactions: 10,
        ..lawn_models::GeneratedRatings::default()
    };
    let made = folder.path().join("made/feedback");
    lawn_models::make_data(&lawn_models::MakeData::Ncf(sizes), &made).expect("it is made");
    let catalogue = |users: u64| {
        let ends = ["test.negative", "test.rating", "train.rating"];
        let file = |end: &str| format!("[[feedback.files]]\nname = \"feedback.{end}\"\n");
        let files: String = ends.iter().map(|end| file(end)).collect();
        let text = format!(
            "[feedback]\nabout = \"made\"\nsources = [{:?}]\ncounts = {{ users = {users} }}\n{files}",
            folder.path().join("made/feedback")
        );
        let path = folder.path().join("catalogue.toml");
        std::fs::write(&path, text).expect("there is room");
        let mut catalogue = Catalogue::built_in();
        catalogue.add(&path).expect("it is right");
        catalogue
    };
    let fetch = Fetch {
        root: folder.path().join("data"),
        mirrors: Vec::new(),
        patience: Patience::default(),
    };
    let get = |users: u64| {
        let catalogue = catalogue(users);
        let set = catalogue.set("feedback").expect("it was added");
        let got = fetch.get("feedback", set, &mut Said::default());
        got.map_err(|error| error.to_string())
    };
    let error = get(61).expect_err("there are 60");
    assert!(error.contains("60 users, expected 61"), "{error}");
    let left = std::fs::read_dir(fetch.root.join("feedback"))
        .expect("it is there")
        .count();
    assert_eq!(left, 0);
    let got = get(60).unwrap_or_else(|error| panic!("{error}"));
    assert!(got.counts.contains(&("users".to_owned(), 60)), "{got:?}");
    let sets = lawn_models::describe_data(&fetch.root).expect("it can be listed");
    let names: Vec<_> = sets.into_iter().flatten().map(|set| set.name).collect();
    assert_eq!(names, ["feedback"]);
}
