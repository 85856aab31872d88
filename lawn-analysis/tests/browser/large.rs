//! The page of a sweep of 10,000 trials.

use lawn_analysis::simulate::{ARMS, Simulation};
use lawn_analysis::{Records, ReportRequest, write_report};

use super::devtools::{Browser, Scheme};

/// A simulated sweep of 10,000 trials: a few settings tried with many seeds, and many with few.
fn records(simulation: Simulation, request: &ReportRequest) -> Records {
    let mut records = Records::default();
    for (seed, contrast) in request.contrasts.iter().enumerate() {
        let simulation = Simulation {
            arms: [contrast.baseline.clone(), contrast.treatment.clone()],
            epochs: 3,
            divergence: 0.02,
            seed: seed as u64,
            ..simulation.clone()
        };
        records.append(simulation.records());
    }
    records
}

#[test]
fn a_page_of_ten_thousand_trials_opens_and_scrolls() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let seeds = Simulation {
        seeds: 1250,
        settings: 0,
        ..Simulation::default()
    };
    let settings = Simulation {
        seeds: 10,
        settings: 240,
        batch_sizes: vec![1024, 4096, 16_384, 65_536, 262_144],
        ..Simulation::default()
    };
    let few = ReportRequest::new("Many seeds", 1024).contrast(ARMS[0], ARMS[1]);
    let many = ["sgd", "adam", "lamb", "lars"].into_iter().fold(
        ReportRequest::new("Many settings", 1024),
        |request, rule| request.contrast(rule, format!("{rule}-lawn")),
    );
    for (request, simulation) in [(few, seeds), (many, settings)] {
        let records = records(simulation, &request);
        assert_eq!(records.trials.len(), 10_000);
        let dir = tempfile::tempdir().unwrap();
        let page = write_report(&records, &request, dir.path()).unwrap().html;
        assert!(std::fs::metadata(&page).unwrap().len() < 6_000_000);
        for width in [400, 1280] {
            browser.open(&page, width, Scheme::Dark);
            let name = format!("{} at {width}", request.title);
            browser.wait_for("!document.getElementById('chooser').hidden");
            assert!(
                browser.holds("document.documentElement.scrollWidth <= innerWidth"),
                "{name}"
            );
            let nodes = browser.evaluate("document.querySelectorAll('*').length");
            assert!(nodes.as_u64().unwrap() < 60_000, "{name}: {nodes} elements");
            let height = browser.evaluate("document.documentElement.scrollHeight");
            assert!(height.as_u64().unwrap() < 40_000, "{name}: {height} px");
            // To the end, and there is something there.
            browser.evaluate("scrollTo(0, document.documentElement.scrollHeight)");
            browser.wait_for(
                "document.querySelector('main section:last-of-type').getBoundingClientRect().bottom <= innerHeight + 100",
            );
            // Any of the trials can be chosen.
            let trials = "document.querySelector('select[name=\"trial\"]')";
            let choices = browser.evaluate(&format!("{trials}.options.length"));
            assert_eq!(
                choices,
                250 * (1 + 4 * u64::from(request.contrasts.len() == 1)),
                "{name}"
            );
            browser.evaluate(&format!(
                "{trials}.selectedIndex = 0; document.getElementById('chooser').requestSubmit()"
            ));
            browser.wait_for("document.querySelectorAll('#chosen svg polyline').length >= 1");
            let complaints = browser.complaints();
            assert!(complaints.is_empty(), "{name}: {complaints:?}");
        }
    }
}
