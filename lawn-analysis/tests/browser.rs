//! The page in a real browser: sorting, curves on demand, no console errors, no overflow.
//!
//! Needs Chromium; where there is none the test says so and does nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{ReportRequest, write_report};

const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Drives the report in a frame of a phone's and of a desk's width, and writes down what it saw.
const DRIVER: &str = r#"
const seen = [];
const check = (name, ok) => seen.push((ok ? "pass " : "FAIL ") + name);
const frames = [...document.querySelectorAll("iframe")];
let left = frames.length;
// What is packed is unpacked off the main thread.
const until = async (holds) => {
  for (let tries = 0; tries < 400 && !holds(); tries += 1) {
    await new Promise((go) => setTimeout(go, 25));
  }
};
const drive = async (frame) => {
  const page = frame.contentDocument;
  const at = " at " + frame.dataset.width;
  check("no sideways overflow" + at,
    page.documentElement.scrollWidth <= Number(frame.dataset.width));
  const narrow = Number(frame.dataset.width) <= 640;
  const display = (name) => frame.contentWindow.getComputedStyle(page.querySelector(name)).display;
  check("the figure fits the width" + at,
    (display("figure svg.narrow") === "block") === narrow
    && (display("figure svg.wide") === "none") === narrow);
  const table = page.getElementById("table-comparisons");
  const heading = [...table.tHead.rows[0].cells].find((c) => c.textContent.trim() === "advantage");
  const column = heading.cellIndex;
  const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value)
    .filter((value) => value !== "").map(Number);
  const sorted = (list, sign) => list.every((v, i) => i === 0 || sign * (v - list[i - 1]) >= 0);
  const before = values();
  check("several rows" + at, before.length > 5 && !sorted(before, 1));
  heading.querySelector("button").click();
  check("rises" + at, sorted(values(), 1) && heading.getAttribute("aria-sort") === "ascending");
  heading.querySelector("button").click();
  check("falls" + at, sorted(values(), -1) && heading.getAttribute("aria-sort") === "descending");
  const button = page.querySelector("button.trial");
  const curves = () => page.querySelectorAll("tr.curves svg").length;
  button.click();
  await until(() => curves() === 3);
  // A diverged trial may have no validation metric, so one of its three curves may be empty.
  check("curves open" + at, curves() === 3 && button.getAttribute("aria-expanded") === "true"
    && page.querySelectorAll("tr.curves polyline").length >= 2);
  check("still no overflow" + at,
    page.documentElement.scrollWidth <= Number(frame.dataset.width));
  button.click();
  await until(() => curves() === 0);
  check("curves close" + at, curves() === 0);
  // By choice: another arm narrows the trials down, and keeps the batch size.
  const form = page.getElementById("chooser");
  const [, arm, batch, trial] = form.querySelectorAll("select");
  const first = trial.value;
  batch.value = batch.options[1].value;
  arm.value = arm.options[1].value;
  arm.dispatchEvent(new Event("change", { bubbles: true }));
  check("the choice narrows" + at, trial.value !== first && batch.selectedIndex === 1
    && trial.options.length > 10 && /^seed \d+$/.test(trial.options[0].text)
    && [...trial.options].some((option) => option.text.startsWith("tuning, setting")));
  form.requestSubmit();
  const chosen = page.getElementById("chosen");
  check("a chosen trial is shown" + at, chosen.textContent.includes(trial.value + ": ok; test hit rate 0.")
    && chosen.querySelectorAll("svg polyline").length === 3);
  check("no overflow with curves" + at,
    page.documentElement.scrollWidth <= Number(frame.dataset.width));
  check("pictures have words" + at,
    [...page.querySelectorAll("svg[role=img]")].every((s) => s.querySelector("title").textContent));
  const levels = [...page.querySelectorAll("h1, h2, h3")].map((h) => Number(h.tagName[1]));
  check("headings step by one" + at,
    levels.every((level, i) => i === 0 ? level === 1 : level - levels[i - 1] <= 1));
  check("downloads" + at, page.querySelectorAll("a[download]").length > 5);
  const folded = page.querySelectorAll("details:not([open])").length;
  frame.contentWindow.dispatchEvent(new Event("beforeprint"));
  check("print unfolds" + at, folded > 0 && page.querySelectorAll("details:not([open])").length === 0);
  frame.contentWindow.dispatchEvent(new Event("afterprint"));
  check("and folds again" + at, page.querySelectorAll("details:not([open])").length === folded);
  // Contrast of WCAG, AA for texts: 4.5 to 1 against what is behind them.
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opaque = (colour) => !/, 0\)$/.test(colour);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = frame.contentWindow.getComputedStyle(e).backgroundColor;
      if (opaque(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...page.querySelectorAll(
    "h1, h2, h3, p, li, dt, dd, a, td, th, caption, figcaption, summary, label, select, .verdict, button")];
  const ratio = (element) => {
    const ink = luminance(frame.contentWindow.getComputedStyle(element).color);
    const paper = luminance(behind(element));
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  };
  const faint = texts.filter((element) => ratio(element) < 4.5);
  check("contrast" + at + faint.slice(0, 3).map((e) => " " + e.outerHTML.slice(0, 80)).join(), faint.length === 0);
  check("the scheme" + at, (luminance(behind(page.body)) < 0.2) === SCHEME_IS_DARK);
  check("tables scroll by keyboard" + at,
    [...page.querySelectorAll(".scroll")].every((e) => e.tabIndex === 0 && e.getAttribute("aria-label")));
  check("sorting and curves by keyboard" + at,
    [...page.querySelectorAll("th")].every((e) => e.querySelector("button")?.tabIndex === 0)
    && [...page.querySelectorAll("button.trial")].every((e) => e.tabIndex === 0)
    && [...page.querySelectorAll("select")].every((e) => e.labels.length === 1 && e.labels[0].textContent.trim()));
  if (--left === 0) document.getElementById("seen").textContent = seen.join("\n");
};
frames.forEach((frame) => frame.addEventListener("load", () => drive(frame).catch((error) => {
  document.getElementById("seen").textContent = "FAIL " + error.stack;
})));
frames.forEach((frame) => { frame.srcdoc = document.getElementById("page").textContent; });
"#;

fn browser() -> Option<&'static str> {
    BROWSERS.into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    })
}

#[test]
fn the_page_works_in_a_browser() {
    drive("light");
}

#[test]
fn the_page_works_in_the_dark() {
    drive("dark");
}

/// Drives the page under one colour scheme.
fn drive(scheme: &str) {
    let Some(browser) = browser() else {
        eprintln!("no browser of {BROWSERS:?} found: the page was not driven");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let request = ReportRequest::new("Driven", 1024).contrast(ARMS[0], ARMS[1]);
    let records = Simulation {
        divergence: 0.1,
        ..Simulation::default()
    }
    .records();
    let files = write_report(&records, &request, dir.path()).unwrap();
    let page = fs::read_to_string(files.html)
        .unwrap()
        .replace("</script", "<\\/script");
    // The page is handed over as the text of a script element, which only `</script` ends.
    let frame = |width: u32| {
        format!(
            "<iframe data-width=\"{width}\" style=\"width:{width}px;height:800px;border:0\"></iframe>"
        )
    };
    let driver = format!(
        "<!doctype html><meta charset=utf-8><title>driver</title>{}{}<pre id=seen></pre>\
         <script type=\"text/plain\" id=page>{page}</script><script>{}</script>",
        frame(390),
        frame(1280),
        DRIVER
            .replace(
                "document.getElementById(\"page\").textContent",
                "document.getElementById(\"page\").textContent.replaceAll(\"<\\\\/script\", \"</script\")"
            )
            .replace("SCHEME_IS_DARK", if scheme == "dark" { "true" } else { "false" })
    );
    let path = dir.path().join("driver.html");
    fs::write(&path, driver).unwrap();
    let output = run(browser, &path, dir.path(), scheme);
    let dom = String::from_utf8_lossy(&output.stdout);
    let seen = dom
        .split("<pre id=\"seen\">")
        .nth(1)
        .and_then(|rest| rest.split("</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("no result in\n{}", &dom[..dom.len().min(2000)]));
    assert_eq!(seen.matches("pass ").count(), 40, "{seen}");
    assert!(!seen.contains("FAIL"), "{seen}");
    let log = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

fn run(browser: &str, page: &Path, dir: &Path, scheme: &str) -> std::process::Output {
    // Chromium's own numbers of the schemes.
    let scheme = if scheme == "dark" { 0 } else { 1 };
    Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
        ])
        .args([
            "--enable-logging=stderr",
            "--virtual-time-budget=20000",
            "--dump-dom",
        ])
        .args(["--window-size=1400,1700"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", dir.join("profile").display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap()
}
