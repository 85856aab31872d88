//! What sources may not do to the disk: send without end, write through links, and take the
//! place of files that somebody else wrote.

use std::path::PathBuf;

use crate::common::download::Place;
use crate::common::server::{Answer, Server, digest, lines};
use lawn_bench::data::fetch::{Catalogue, Download};

/// Gets the set of `place` from `source`, with what the catalogue says of its file.
fn get(place: &mut Place, source: &str, known: &str) -> (Result<Download, String>, Vec<String>) {
    place.known = known.to_owned();
    let (got, notes) = place.get(&[], &[source.to_owned()]);
    (got.map_err(|error| error.to_string()), notes)
}

/// A place, and the folder of its set.
fn folder() -> (Place, PathBuf) {
    let place = Place::new("");
    let set = place.folder.path().join("small");
    std::fs::create_dir_all(&set).expect("a folder");
    (place, set)
}

#[test]
fn a_file_that_has_no_end_is_stopped_where_it_is_too_long() {
    let endless = || {
        Server::new(|_, _| Answer {
            body: lines(100_000),
            unsized_: true,
            ..Answer::status(200)
        })
    };
    for (known, said) in [
        ("bytes = 5000", "more than 5000 bytes of a.txt"),
        ("lines = 500", "more than 500 lines of a.txt"),
    ] {
        let (mut kept, place) = folder();
        let (got, _) = get(&mut kept, &endless().address(), known);
        let error = got.expect_err(known);
        assert!(
            error.contains(said) && error.contains("nothing of it is kept"),
            "{error}"
        );
        let left = std::fs::read_dir(&place).expect("it is there").count();
        assert_eq!(left, 0, "{known}");
    }
}

#[test]
fn a_device_is_no_file_and_ends_as_one() {
    let (mut kept, place) = folder();
    let devices = kept.folder.path().join("devices");
    std::fs::create_dir(&devices).expect("a folder");
    std::os::unix::fs::symlink("/dev/zero", devices.join("a.txt")).expect("a link");
    let (got, _) = get(&mut kept, &devices.display().to_string(), "");
    let error = got.expect_err("it has no end");
    assert!(error.contains("sends more than"), "{error}");
    assert_eq!(std::fs::read_dir(&place).expect("it is there").count(), 0);
}

#[test]
fn a_size_that_no_disk_has_is_refused_before_anything_comes() {
    let (mut kept, place) = folder();
    let server = Server::new(|_, _| Answer {
        headers: vec![("Content-Length", (1_u64 << 60).to_string())],
        body: lines(100),
        unsized_: true,
        ..Answer::status(200)
    });
    let (got, _) = get(&mut kept, &server.address(), "");
    let error = got.expect_err("nobody has that");
    assert!(error.contains("sends more than"), "{error}");
    let (got, _) = get(&mut kept, &server.address(), "bytes = 1152921504606846976");
    let error = got.expect_err("nobody has that");
    assert!(
        error.contains("are to come") && error.contains("are free"),
        "{error}"
    );
    let size = std::fs::metadata(place.join("a.txt.part")).map_or(0, |part| part.len());
    assert_eq!(size, 0);
}

#[test]
fn a_link_in_the_place_of_a_part_is_not_followed() {
    let server = Server::of(lines(10));
    for hard in [false, true] {
        let (mut kept, place) = folder();
        let victim = kept.folder.path().join("victim");
        std::fs::write(&victim, "mine").expect("there is room");
        let part = place.join("a.txt.part");
        match hard {
            true => std::fs::hard_link(&victim, &part).expect("a link"),
            false => std::os::unix::fs::symlink(&victim, &part).expect("a link"),
        }
        let (got, _) = get(&mut kept, &server.address(), "");
        let error = got.expect_err("it is a link");
        assert!(error.contains("a.txt.part is a"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&victim).expect("it is there"),
            "mine"
        );
    }
}

#[test]
fn checksums_that_a_publisher_wrote_are_held_against_and_stay() {
    let (mut kept, place) = folder();
    let server = Server::of(lines(10));
    let sums = place.join("SHA256SUMS");
    let theirs = format!(
        "# of the publisher\n{}  a.txt\n{}  b.txt\n",
        digest(&lines(10)),
        digest(b"")
    );
    std::fs::write(&sums, &theirs).expect("there is room");
    let (got, notes) = get(&mut kept, &server.address(), "");
    // No reader knows a set of one text file; its sums are none of that.
    got.unwrap_or_else(|error| panic!("{error}"));
    assert!(notes.is_empty(), "all was known: {notes:?}");
    assert_eq!(std::fs::read_to_string(&sums).expect("it is there"), theirs);
    // One that lacks the file: it is left, and that is said.
    std::fs::write(&sums, "# of the publisher\n").expect("there is room");
    let (_, notes) = get(&mut kept, &server.address(), "");
    assert!(
        notes.iter().any(|note| note.contains("stays as it is")),
        "{notes:?}"
    );
    assert_eq!(
        std::fs::read_to_string(&sums).expect("it is there"),
        "# of the publisher\n"
    );
    // One of this program is gone on with.
    std::fs::remove_file(&sums).expect("it was there");
    for _ in 0..2 {
        get(&mut kept, &server.address(), "")
            .0
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let ours = format!("{}  a.txt\n", digest(&lines(10)));
    assert_eq!(std::fs::read_to_string(&sums).expect("it is there"), ours);
}

#[test]
fn names_of_this_programs_own_files_are_no_data() {
    for name in ["SHA256SUMS", "more/SHA256SUMS", "a.part"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("catalogue.toml");
        let text = format!("[x]\nabout = \"y\"\n[[x.files]]\nname = {name:?}\n");
        std::fs::write(&path, text).expect("there is room");
        let error = Catalogue::built_in()
            .add(&path)
            .expect_err(name)
            .to_string();
        assert!(
            error.contains("allowed: names but SHA256SUMS and those that end with .part"),
            "{error}"
        );
    }
}
