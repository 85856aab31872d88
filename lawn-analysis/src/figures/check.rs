//! Every figure, over a matrix of sweeps and widths. No text overlaps another one, a marker or a
//! line; no text is clipped or too small; and no figure is empty.

mod faults;
mod sweeps;

use super::figure::{Figure, NARROW, WIDE, set_apart};
use super::font::{self, SMALL};
use super::gallery::{AcrossTasks, of_all_tasks, of_task};
use super::palette::{INK, MUTED};
use super::scene::{Anchor, Label, Scene, Shape};
use crate::analysis::{Analysis, arm_ranks, arm_scores, improvements};
use crate::request::ReportRequest;
use crate::simulate::Simulation;
use crate::width::Width;
use crate::word::Word;
use faults::faults;
use sweeps::{Case, case, cases, mapped};

/// All figures of a sweep.
fn figures((_, records, contrasts): &Case) -> Vec<Figure> {
    let mut request = ReportRequest::new("checked", 1024);
    for [baseline, treatment] in contrasts {
        request = request.contrast(baseline, treatment);
    }
    request.margins.insert("hit rate".into(), 0.005);
    let analysis = Analysis::new(records, &request).unwrap();
    let mut figures = Vec::new();
    for task in &analysis.tasks {
        figures.extend(of_task(task, &analysis, records, &request).unwrap());
    }
    let scores = arm_scores(&analysis.tasks, &request).unwrap();
    let ranks = arm_ranks(&analysis.tasks, request.alpha);
    let across = AcrossTasks {
        scores: &scores,
        improvements: &improvements(&scores, &request).unwrap(),
        ranks: ranks.as_ref(),
    };
    figures.extend(of_all_tasks(&analysis.tasks, across, &request));
    set_apart(&mut figures);
    figures
}

#[test]
fn no_text_overlaps_or_is_clipped_whatever_is_drawn() {
    let mut widths: Vec<f64> = Width::ALL.iter().map(|width| width.points()).collect();
    widths.extend([WIDE, NARROW]);
    widths.sort_by(f64::total_cmp);
    widths.dedup();
    let mut found = Vec::new();
    for case in cases() {
        for figure in figures(&case) {
            for width in &widths {
                let scene = figure.scene(*width);
                assert_eq!(scene.size().0, *width);
                for fault in faults(&scene).into_iter().take(3) {
                    found.push(format!("{}, {} at {width}: {fault}", case.0, figure.name));
                }
            }
        }
    }
    let shown: Vec<&str> = found.iter().take(60).map(String::as_str).collect();
    assert!(
        found.is_empty(),
        "{} faults:\n{}",
        found.len(),
        shown.join("\n")
    );
}

#[test]
fn names_break_where_words_join_and_what_is_short_is_said_in_full() {
    let named = ["names", "unbroken"];
    let (mut broken, mut short) = (0, 0);
    for case in cases()
        .iter()
        .filter(|case| named.iter().any(|n| case.0.contains(n)))
    {
        let arms: Vec<&String> = case.2.iter().flatten().collect();
        for figure in figures(case) {
            for width in Width::ALL
                .iter()
                .map(|width| width.points())
                .chain([WIDE, NARROW])
            {
                let caption = figure.caption_in(&[width]);
                for text in figure.scene(width).texts() {
                    if text.contains('…') {
                        short += 1;
                        let said = caption.contains(&format!("{text} is "));
                        assert!(said, "{}: {text} is not in {caption}", figure.name);
                        assert!(!caption.contains(&format!("{text} is ;")), "{caption}");
                    } else if text.len() > 2
                        && text.parse::<f64>().is_err()
                        && !arms.iter().any(|arm| *arm == text)
                    {
                        let of = arms.iter().filter(|arm| arm.contains(text));
                        let parts = of.flat_map(|arm| {
                            arm.match_indices(text)
                                .map(|(from, _)| (&arm[..from], &arm[from + text.len()..]))
                        });
                        let parts: Vec<(&str, &str)> = parts.collect();
                        let joins =
                            |before: &str| before.is_empty() || before.ends_with(['-', '_']);
                        let whole = parts.iter().any(|(before, after)| {
                            joins(before) && (after.is_empty() || joins(text))
                        });
                        assert!(
                            parts.is_empty() || whole,
                            "{} at {width}: {text}",
                            figure.name
                        );
                        broken += usize::from(!parts.is_empty());
                    }
                }
            }
        }
    }
    assert!(broken > 0 && short > 0, "{broken} broken, {short} short");
}

#[test]
fn every_figure_fits_on_a_page() {
    for case in cases() {
        for figure in figures(&case) {
            for width in Width::ALL {
                let fitting = figure.fitting(*width);
                let (_, height) = figure.scene(fitting.points()).size();
                let name = &figure.name;
                assert!(
                    figure.fits(fitting),
                    "{}, {name} at {width}: {height} pt above {}",
                    case.0,
                    figure.caption
                );
            }
        }
    }
}

#[test]
fn a_drawing_stays_small_however_many_seeds_there_are() {
    let shapes = |seeds: usize| {
        let simulation = Simulation {
            seeds,
            epochs: 2,
            ..Simulation::default()
        };
        let figures = figures(&case("seeds", 2, simulation));
        let sizes = figures
            .iter()
            .map(|figure| figure.scene(WIDE).shapes().len());
        (figures.len(), sizes.max().unwrap_or(0))
    };
    let (count, most) = shapes(600);
    assert!(count > 9 && most < 4000, "{count} figures, {most} shapes");
}

#[test]
fn bands_of_many_arms_are_not_drawn_and_the_caption_says_so() {
    let faint = |shape: &&Shape| matches!(shape, Shape::Fill { opacity, .. } if *opacity < 0.2);
    let (mut with, mut without) = (0, 0);
    for case in cases() {
        for figure in figures(&case) {
            let scene = figure.scene(WIDE);
            let bands = scene.shapes().iter().filter(faint).count();
            if figure.caption.contains("No bands are drawn") {
                assert_eq!(bands, 0, "{}", figure.name);
                without += 1;
            } else if bands > 0 && figure.caption.contains("Bands are") {
                with += 1;
            }
        }
    }
    assert!(
        with > 3 && without > 3,
        "{with} with bands, {without} without"
    );
}

/// The numbers beside the ticks of a drawing, from the first to the last.
fn ticks(scene: &Scene) -> Vec<String> {
    let is_number = |text: &&str| text.replace('−', "-").parse::<f64>().is_ok();
    scene.texts().filter(is_number).map(str::to_owned).collect()
}

#[test]
fn parts_of_a_figure_have_the_same_axes_and_say_what_they_show() {
    let cases = cases();
    let fifty = cases.iter().find(|case| case.0 == "fifty arms").unwrap();
    let figures = figures(fifty);
    for quantity in ["test-metric", "gap", "fit", "norms", "learning"] {
        let stem = format!("sample-{quantity}-part-");
        let parts = figures.iter().filter(|one| one.name.starts_with(&stem));
        let parts: Vec<&Figure> = parts.collect();
        assert_eq!(parts.len(), 5, "{quantity}");
        for (index, part) in parts.iter().enumerate() {
            let of = format!("Part {} of 5, on common axes.", index + 1);
            assert!(part.caption.contains(&of), "{}", part.caption);
            // Each arm beside the one that it is compared with.
            let scene = part.scene(WIDE);
            let shows = |arm: &String| scene.texts().any(|text| text == arm);
            let mut own = fifty
                .2
                .iter()
                .filter(|[baseline, _]| shows(baseline))
                .peekable();
            assert!(own.peek().is_some(), "{}", part.name);
            assert!(own.all(|[_, treatment]| shows(treatment)), "{}", part.name);
            assert_eq!(
                ticks(&part.scene(WIDE)),
                ticks(&parts[0].scene(WIDE)),
                "{}",
                part.name
            );
        }
    }
}

#[test]
fn no_axis_of_a_rate_goes_below_zero() {
    // Small rates of two seeds, whose intervals are wide.
    let seeds = Simulation {
        seeds: 2,
        test_curves: true,
        ..Simulation::default()
    };
    let rates = mapped(case("small rates", 4, seeds), |x| {
        (x - 0.615).clamp(0.0, 1.0)
    });
    let mut seen = 0;
    for figure in figures(&rates) {
        let is_of_metric = ["-test-metric", "-drop", "-tuning"];
        if is_of_metric.iter().any(|of| figure.name.ends_with(of)) {
            let ticks = ticks(&figure.scene(WIDE));
            let is_below = |tick: &String| tick.starts_with('−');
            assert!(!ticks.iter().any(is_below), "{}: {ticks:?}", figure.name);
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} figures");
}

#[test]
fn markers_of_tuning_are_whole_within_their_panels() {
    let mut drawn = 0;
    for case in cases() {
        for figure in figures(&case)
            .iter()
            .filter(|one| one.name.contains("tuning"))
        {
            for width in [WIDE, NARROW] {
                let scene = figure.scene(width);
                for shape in scene.shapes() {
                    if let Shape::Circle { at, radius, .. } = shape {
                        assert!(
                            at.0 - radius > 0.0 && at.0 + radius < width,
                            "{}",
                            figure.name
                        );
                        drawn += 1;
                    }
                }
            }
        }
    }
    assert!(drawn > 20, "{drawn} markers");
}

#[test]
fn captions_say_how_many_and_which_interval() {
    for figure in figures(&cases()[3]) {
        assert!(figure.caption.contains("n = "), "{}", figure.caption);
        let kinds = [
            "t interval",
            "range",
            "No interval",
            "Bars join",
            "one marker per",
            "Bands are",
            "Bars are",
            "bootstrap intervals",
        ];
        assert!(
            kinds.iter().any(|kind| figure.caption.contains(kind)),
            "{}",
            figure.caption
        );
    }
}

#[test]
fn the_checks_see_what_they_look_for() {
    let text = |text: &str, at| Label::small(text, at, Anchor::Start);
    let mut scene = Scene::new(100.0, 40.0);
    scene.marker(
        (90.0, 30.0),
        super::palette::Marker::Circle,
        2.0,
        MUTED,
        1.0,
    );
    scene.text(text("words", (10.0, 20.0)));
    assert_eq!(faults(&scene), ["nothing is drawn"]);
    scene.text(text("more", (12.0, 22.0)));
    scene.text(text("clipped", (90.0, 20.0)));
    scene.text(Label {
        size: 5.0,
        ..text("small", (50.0, 38.0))
    });
    scene.line(&[(0.0, 5.0), (60.0, 30.0)], INK, 1.0, &[]);
    let found = faults(&scene).join("\n");
    for expected in [
        "\"words\" overlaps \"more\"",
        "\"clipped\"",
        "\"small\" has size 5",
        "\"words\" is hit by Line",
    ] {
        assert!(found.contains(expected), "{expected} is not in\n{found}");
    }
    let size = SMALL;
    assert!(font::ink("x", size, false).0 < font::ink("X", size, false).0);
    assert!(font::ink("g", size, false).1 > font::ink("x", size, false).1);
}
