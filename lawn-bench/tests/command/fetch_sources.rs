//! What a catalogue says is held against what sources have: mirrors, other files, other sets.

use crate::common::download::{Place, Said, body};
use crate::common::server;
use crate::common::server::{Answer, Server};
use lawn_bench::data::fetch::{Catalogue, Fetch, FetchError, Patience};

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
        let FetchError::Mismatch(fault) = error else {
            panic!("{text}");
        };
        assert_eq!(fault.place.key.as_deref(), Some(differs));
        assert_eq!((fault.allowed, fault.found), (vec![should], is));
        let source = format!("{}/a.txt", server.address());
        assert_eq!(fault.place.path, Some(source.into()));
        assert!(!place.part().exists(), "{text}");
        // The right file is got afterwards, at the same place.
        place.gets(&Server::of(body()));
    }
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
            error.contains("small/a.txt: ")
                && error.contains("it was there before")
                && error.contains("move it away"),
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
    assert!(error.contains("60 users; allowed: 61"), "{error}");
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
