//! The page in a real browser: sorting, curves on demand, keys, contrast, no console errors, no
//! overflow, in light and dark, at a phone's and a desk's width.
//!
//! Needs Chromium; where there is none the tests say so and do nothing.

mod contrast;
mod devtools;
mod keys;
mod large;

use std::path::{Path, PathBuf};

use devtools::{Browser, Scheme};
use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{ReportRequest, write_report};

/// A phone's width and a desk's.
const WIDTHS: [u32; 2] = [390, 1280];

/// What is checked by pointer and script, as an expression that gives what failed.
const CHECKS: &str = include_str!("checks.js");

/// The page of a simulated sweep of which some trials diverge.
fn page(dir: &Path) -> PathBuf {
    let mut request = ReportRequest::new("Driven", 1024).contrast(ARMS[0], ARMS[1]);
    request.margins.insert("hit rate".into(), 0.005);
    let records = Simulation {
        divergence: 0.1,
        ..Simulation::default()
    }
    .records();
    write_report(&records, &request, dir).unwrap().html
}

/// The page opened in a width and scheme, ready to be driven; none where there is no browser.
///
/// The folder holds the page and goes with it.
fn opened(width: u32, scheme: Scheme) -> Option<(Browser, tempfile::TempDir)> {
    let mut browser = Browser::start()?;
    let dir = tempfile::tempdir().unwrap();
    browser.open(&page(dir.path()), width, scheme);
    browser.wait_for("!document.getElementById('chooser').hidden");
    Some((browser, dir))
}

/// Opens the page in every width and scheme, one after the other in one browser.
fn in_every_view(mut check: impl FnMut(&mut Browser, u32, Scheme)) {
    let Some((mut browser, dir)) = opened(WIDTHS[0], Scheme::Light) else {
        return;
    };
    let page = dir.path().join("report.html");
    for width in WIDTHS {
        for scheme in Scheme::ALL {
            browser.open(&page, width, scheme);
            browser.wait_for("!document.getElementById('chooser').hidden");
            check(&mut browser, width, scheme);
        }
    }
}

#[test]
fn the_page_works_at_any_width_in_light_and_dark() {
    in_every_view(|browser, width, scheme| {
        let seen = browser.evaluate(CHECKS);
        let seen = seen.as_array().unwrap();
        assert_eq!(seen.len(), 21, "{seen:?}");
        let failed: Vec<_> = seen.iter().filter(|check| check[1] != true).collect();
        assert!(failed.is_empty(), "at {width}, {scheme:?}: {failed:?}");
        let complaints = browser.complaints();
        assert!(
            complaints.is_empty(),
            "at {width}, {scheme:?}: {complaints:?}"
        );
    });
}

#[test]
fn the_driver_sees_complaints() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("page.html");
    std::fs::write(
        &file,
        "<!doctype html><title>t</title><script>console.error('one'); nothing.at()</script>",
    )
    .unwrap();
    browser.open(&file, 400, Scheme::Light);
    let complaints = browser.complaints().join("\n");
    assert!(
        complaints.contains("one") && complaints.contains("nothing"),
        "{complaints}"
    );
}
