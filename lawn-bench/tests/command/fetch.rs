//! Getting a file over HTTP: every way in which a server can fail, and what is left of the file
//! then.

use crate::common::server;
use std::time::{Duration, Instant};

use crate::common::download::{Place, body};
use crate::common::server::{Answer, Server};
use lawn_bench::data::fetch::FetchError;

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
    assert!(matches!(error, FetchError::Mismatch(_)), "{error}");
    assert!(error.to_string().starts_with("SHA-256 in "), "{error}");
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
