//! The page by keyboard alone: real keys through the browser, and what they did.

use super::devtools::{Browser, Key, Scheme};
use super::{WIDTHS, opened};

/// Every element that the Tab key should reach, in the order of the document.
const STOPS: &str = "[...document.querySelectorAll(
    'a[href], button, summary, select, .scroll[tabindex=\"0\"]')]
    .filter((e) => e.checkVisibility() && !e.disabled)";

/// Names an element so that a failure can be read.
const SHOWN: &str = "(e) => `${e.tagName.toLowerCase()} ${e.getAttribute('aria-label')
    ?? e.getAttribute('name') ?? e.textContent.trim().slice(0, 40)}`";

fn focus(browser: &mut Browser, selector: &str) {
    browser.evaluate(&format!("document.querySelector(`{selector}`).focus()"));
    assert!(
        browser.holds(&format!("document.activeElement.matches(`{selector}`)")),
        "{selector}"
    );
}

#[test]
fn tab_reaches_every_control_in_order_and_shows_where_it_is() {
    for width in WIDTHS {
        let Some((mut browser, _dir)) = opened(width, Scheme::Light) else {
            return;
        };
        let stops = browser.evaluate(&format!("{STOPS}.map({SHOWN})"));
        let stops = stops.as_array().unwrap();
        assert!(stops.len() > 100, "{} stops", stops.len());
        let mut faint = Vec::new();
        for (place, stop) in stops.iter().enumerate() {
            browser.press(Key::Tab);
            let found = browser.evaluate(&format!(
                "(() => {{ const e = document.activeElement, style = getComputedStyle(e);
                   return [({SHOWN})(e), {STOPS}.indexOf(e),
                     style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; }})()"
            ));
            assert_eq!(
                found[1], place,
                "at {width}: Tab {place} is {}, not {stop}",
                found[0]
            );
            if found[2] != true {
                faint.push(found[0].clone());
            }
        }
        assert!(
            faint.is_empty(),
            "at {width}, focus cannot be seen on {faint:?}"
        );
        // Backwards it goes the same way.
        let last = stops.len() - 1;
        browser.press(Key::BackTab);
        let found = browser.evaluate(&format!("{STOPS}.indexOf(document.activeElement)"));
        assert_eq!(found, last - 1, "at {width}");
    }
}

#[test]
fn enter_and_space_sort() {
    let Some((mut browser, _dir)) = opened(1280, Scheme::Light) else {
        return;
    };
    let heading = "#table-comparisons th:nth-child(8) button";
    let sorted =
        "document.querySelector('#table-comparisons th:nth-child(8)').getAttribute('aria-sort')";
    let values = "[...document.querySelectorAll('#table-comparisons tbody tr')]
        .map((row) => row.cells[7].dataset.value).filter((value) => value !== '').map(Number)";
    focus(&mut browser, heading);
    for (key, order, sign) in [
        (Key::Enter, "ascending", 1),
        (Key::Space, "descending", -1),
        (Key::Enter, "ascending", 1),
    ] {
        browser.press(key);
        assert_eq!(browser.evaluate(sorted), order, "{key:?}");
        let in_order =
            format!("{values}.every((v, i, all) => i === 0 || {sign} * (v - all[i - 1]) >= 0)");
        assert!(browser.holds(&in_order), "{key:?}");
        assert!(browser.holds(&format!("document.activeElement.matches('{heading}')")));
    }
}

#[test]
fn curves_open_and_close_by_key_and_escape_keeps_the_place() {
    let Some((mut browser, _dir)) = opened(1280, Scheme::Light) else {
        return;
    };
    let button = "#table-confirmations tbody tr:nth-child(3) button.trial";
    let expanded = format!("document.querySelector('{button}').getAttribute('aria-expanded')");
    let curves = "document.querySelectorAll('tr.curves svg').length";
    focus(&mut browser, button);
    for (open, close) in [
        (Key::Enter, Key::Enter),
        (Key::Space, Key::Space),
        (Key::Enter, Key::Escape),
    ] {
        browser.press(open);
        browser.wait_for(&format!("{curves} === 3"));
        assert_eq!(browser.evaluate(&expanded), "true", "{open:?}");
        browser.press(close);
        browser.wait_for(&format!("{curves} === 0"));
        assert_eq!(browser.evaluate(&expanded), "false", "{close:?}");
        assert!(
            browser.holds(&format!("document.activeElement.matches('{button}')")),
            "{close:?}"
        );
    }
    // With nothing open it does nothing.
    browser.press(Key::Escape);
    assert_eq!(browser.evaluate(curves), 0);
}

#[test]
fn a_trial_is_chosen_shown_and_put_away_by_keys() {
    let Some((mut browser, _dir)) = opened(1280, Scheme::Light) else {
        return;
    };
    let value =
        |name: &str| format!("document.querySelector('select[name=\"{name}\"]').selectedIndex");
    focus(&mut browser, "select[name=\"arm\"]");
    let first = browser.evaluate("document.querySelector('select[name=\"trial\"]').value");
    browser.press(Key::Down);
    assert_eq!(browser.evaluate(&value("arm")), 1);
    // The trials are those of the other arm now.
    let other = browser.evaluate("document.querySelector('select[name=\"trial\"]').value");
    assert_ne!(first, other);
    browser.press(Key::Up);
    assert_eq!(browser.evaluate(&value("arm")), 0);
    browser.press(Key::Tab);
    browser.press(Key::End);
    assert_eq!(browser.evaluate(&value("batch size")), 3);
    browser.press(Key::Home);
    assert_eq!(browser.evaluate(&value("batch size")), 0);
    browser.press(Key::Tab);
    browser.press(Key::Tab);
    assert!(browser.holds("document.activeElement.matches('#chooser button')"));
    for key in [Key::Enter, Key::Space] {
        browser.press(key);
        browser.wait_for("document.querySelectorAll('#chosen svg').length === 3");
        assert!(
            browser.holds(
                "document.getElementById('chosen').textContent.includes(
            document.querySelector('select[name=\"trial\"]').value)"
            ),
            "{key:?}"
        );
        browser.press(Key::Escape);
        browser.wait_for("document.getElementById('chosen').childElementCount === 0");
    }
}

#[test]
fn folds_links_and_tables_answer_to_keys() {
    let Some((mut browser, _dir)) = opened(390, Scheme::Light) else {
        return;
    };
    for details in ["#answers details", "details.numbers"] {
        let open = format!("document.querySelector('{details}').open");
        focus(&mut browser, &format!("{details} summary"));
        browser.press(Key::Enter);
        assert!(browser.holds(&open), "{details}");
        browser.press(Key::Space);
        assert!(!browser.holds(&open), "{details}");
    }
    // A figure's numbers are there once they were asked for, and can be reached.
    browser.press(Key::Enter);
    browser.wait_for("document.querySelector('details.numbers table')?.rows.length > 5");
    browser.press(Key::Tab);
    assert!(browser.holds("document.activeElement.matches('details.numbers .scroll')"));

    // On a phone's width a table is wider than its region: arrows scroll it, not the page.
    let region = "document.querySelector('#comparisons .scroll')";
    focus(&mut browser, "#comparisons .scroll");
    let page = browser.evaluate("scrollY");
    for (key, moved) in [
        (Key::Right, "scrollLeft > 20"),
        (Key::Left, "scrollLeft === 0"),
        (Key::Down, "scrollTop > 20"),
    ] {
        browser.press_for(key, region, "scrollend");
        assert!(browser.holds(&format!("{region}.{moved}")), "{key:?}");
    }
    assert_eq!(browser.evaluate("scrollY"), page);

    // Chromium forgets where a link leads if a key's scrolling is still on its way, as it was in
    // 1 of 16 tries, and in none of 32 once it had ended: so nothing moves any more here.
    focus(&mut browser, "nav a[href=\"#tuning\"]");
    browser.press_for(Key::Enter, "window", "hashchange");
    assert_eq!(browser.evaluate("location.hash"), "#tuning");
    let top = browser.evaluate("document.getElementById('tuning').getBoundingClientRect().top");
    assert!(top.as_f64().unwrap().abs() < 800.0, "{top}");
}
