//! Contrast as WCAG 2.2 asks for, level AA, of every text and every mark that the page draws, from
//! the colours that its own style sheet gives them.

use super::devtools::Scheme;
use super::{in_every_view, opened};

/// Gives every fault as a line, and how many texts and marks were looked at.
const MEASURE: &str = include_str!("contrast.js");

#[test]
fn texts_and_marks_stand_out_in_light_and_dark() {
    in_every_view(|browser, width, scheme| {
        // With everything open: answers, numbers of figures, curves.
        browser.evaluate(
            "document.querySelectorAll('details').forEach((d) => { d.open = true; });
             document.getElementById('chooser').requestSubmit();
             document.querySelector('button.trial').click()",
        );
        browser.wait_for(
            "document.querySelectorAll('#chosen svg, tr.curves svg').length === 6
             && [...document.querySelectorAll('details.numbers')].every((d) => d.querySelector('table'))",
        );
        let found = browser.evaluate(MEASURE);
        let faults = found["faults"].as_array().unwrap();
        assert!(faults.is_empty(), "at {width}, {scheme:?}: {faults:#?}");
        let count = |what: &str| found[what].as_u64().unwrap();
        assert!(count("texts") > 1000 && count("marks") > 500, "{found}");
        assert_eq!(found["dark"], scheme == Scheme::Dark);
    });
}

#[test]
fn what_is_faint_is_found() {
    let Some((mut browser, _dir)) = opened(1280, Scheme::Light) else {
        return;
    };
    browser.evaluate(
        "document.documentElement.style.setProperty('--muted', '#8a8a8a');
         document.documentElement.style.setProperty('--ink', '#8a8a8a');
         document.documentElement.style.setProperty('--series-0', '#56b4e9')",
    );
    let faults = browser.evaluate(MEASURE)["faults"]
        .to_string()
        .to_lowercase();
    for expected in ["figcaption", "text", "polyline", "circle"] {
        assert!(faults.contains(expected), "no {expected} in {faults}");
    }
}
