//! Every figure, over a matrix of sweeps and widths: no text overlaps another one, a marker or a
//! line, none is clipped or too small, and no figure is empty.

use super::font::{self, SMALL};
use super::palette::{GRID, INK, MUTED};
use super::scene::{Anchor, Label, Point, Scene, Shape};
use super::{Figure, NARROW, WIDE, Width, of_all_tasks, of_task};
use crate::analysis::{Analysis, arm_ranks, arm_scores};
use crate::records::{Outcome, Records, Word};
use crate::report::ReportRequest;
use crate::simulate::{Noise, Simulation};

/// Smallest size of a text in points.
const LEGIBLE: f64 = 7.0;
/// How far, in points, a shape may reach into another one before it counts.
const TOUCH: f64 = 0.25;

/// Left, top, right and bottom.
#[derive(Clone, Copy, Debug)]
struct Bounds([f64; 4]);

impl Bounds {
    /// Of the ink of a text.
    fn of_text(label: &Label) -> Self {
        let (x, y) = label.at;
        let length = font::width(&label.text, label.size, label.bold);
        let (above, below) = font::ink(&label.text, label.size, label.bold);
        let before = match label.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5 * length,
            Anchor::End => length,
        };
        Self(if label.upright {
            [x - above, y + before - length, x + below, y + before]
        } else {
            [x - before, y - above, x - before + length, y + below]
        })
    }

    fn of_points(points: &[Point]) -> Self {
        let along = |pick: fn(&Point) -> f64, fold: fn(f64, f64) -> f64| {
            points.iter().map(pick).reduce(fold).unwrap_or(f64::NAN)
        };
        Self([
            along(|p| p.0, f64::min),
            along(|p| p.1, f64::min),
            along(|p| p.0, f64::max),
            along(|p| p.1, f64::max),
        ])
    }

    fn meets(&self, other: &Self) -> bool {
        let ([l, t, r, b], [ol, ot, or, ob]) = (self.0, other.0);
        l + TOUCH < or && ol + TOUCH < r && t + TOUCH < ob && ot + TOUCH < b
    }

    fn within(&self, other: &Self) -> bool {
        let ([l, t, r, b], [ol, ot, or, ob]) = (self.0, other.0);
        l + TOUCH >= ol && t + TOUCH >= ot && r <= or + TOUCH && b <= ob + TOUCH
    }

    /// Whether a straight line between two points passes through.
    fn crossed(&self, from: Point, to: Point) -> bool {
        let [l, t, r, b] = self.0;
        let inside = Self([l + TOUCH, t + TOUCH, r - TOUCH, b - TOUCH]).0;
        // The part of the line inside, cut at each border in turn.
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for (start, end, low, high) in [
            (from.0, to.0, inside[0], inside[2]),
            (from.1, to.1, inside[1], inside[3]),
        ] {
            let along = end - start;
            if along == 0.0 {
                if start < low || start > high {
                    return false;
                }
                continue;
            }
            let (a, b) = ((low - start) / along, (high - start) / along);
            first = first.max(a.min(b));
            last = last.min(a.max(b));
        }
        first < last
    }
}

/// What is wrong with a drawing, in words.
fn faults(scene: &Scene) -> Vec<String> {
    let (width, height) = scene.size();
    let page = Bounds([0.0, 0.0, width, height]);
    let mut faults = Vec::new();
    let mut texts: Vec<(&Label, Bounds)> = Vec::new();
    let mut data = 0;
    for shape in scene.shapes() {
        let (bounds, colour) = match shape {
            Shape::Text(label) => {
                let bounds = Bounds::of_text(label);
                texts.push((label, bounds));
                (bounds, label.colour)
            }
            Shape::Line { points, colour, .. } | Shape::Fill { points, colour, .. } => {
                (Bounds::of_points(points), *colour)
            }
            Shape::Circle {
                at, radius, colour, ..
            } => {
                let (x, y) = *at;
                let bounds = [x - radius, y - radius, x + radius, y + radius];
                (Bounds(bounds), *colour)
            }
        };
        data += usize::from(![INK, MUTED, GRID].contains(&colour));
        // What is not a number lies within nothing.
        if !bounds.within(&page) {
            faults.push(format!(
                "{shape:?} leaves the drawing of {width} by {height}"
            ));
        }
    }
    if data == 0 {
        faults.push("nothing is drawn".to_owned());
    }
    for (index, (label, bounds)) in texts.iter().enumerate() {
        if label.size < LEGIBLE {
            faults.push(format!("{:?} has size {}", label.text, label.size));
        }
        for (other, others) in &texts[index + 1..] {
            if bounds.meets(others) {
                faults.push(format!("{:?} overlaps {:?}", label.text, other.text));
            }
        }
        for shape in scene.shapes() {
            let hit = match shape {
                Shape::Line { points, colour, .. } if *colour != GRID => {
                    let mut ends = points.windows(2);
                    ends.any(|ends| bounds.crossed(ends[0], ends[1]))
                }
                Shape::Fill {
                    points,
                    colour,
                    opacity,
                } if *opacity > 0.4 && *colour != GRID => {
                    // A text may stand on a filled cell, not over its border.
                    let fill = Bounds::of_points(points);
                    fill.meets(bounds) && !bounds.within(&fill)
                }
                Shape::Circle { at, radius, .. } => {
                    let ((x, y), r) = (*at, *radius);
                    Bounds([x - r, y - r, x + r, y + r]).meets(bounds)
                }
                _ => false,
            };
            if hit {
                faults.push(format!("{:?} is hit by {shape:?}", label.text));
            }
        }
    }
    faults
}

/// Arms in pairs of a baseline and its LAWN form.
fn pairs(of: usize, name: impl Fn(usize) -> String) -> Vec<[String; 2]> {
    (0..of / 2)
        .map(|index| [name(index), format!("{}-lawn", name(index))])
        .collect()
}

/// The records of a task for every pair of arms.
fn records(simulation: &Simulation, arms: &[[String; 2]]) -> Records {
    let mut all = Records::default();
    for (index, pair) in arms.iter().enumerate() {
        let one = Simulation {
            arms: pair.clone(),
            seed: simulation.seed + index as u64,
            advantage_per_doubling: 0.001 * (index as f64 + 1.0),
            ..simulation.clone()
        };
        all.append(one.records());
    }
    all
}

/// A sweep to draw: its name, its records and its contrasts.
type Case = (&'static str, Records, Vec<[String; 2]>);

fn case(name: &'static str, arms: usize, simulation: Simulation) -> Case {
    let arms = pairs(arms, |index| {
        ["adam", "sgd", "lamb", "lars"][index % 4].to_owned()
    });
    (name, records(&simulation, &arms), arms)
}

/// Values of every metric and curve, changed.
fn mapped((name, mut records, arms): Case, change: impl Fn(f64) -> f64) -> Case {
    let some = |value: &mut Option<f64>| *value = value.map(&change);
    for trial in &mut records.trials {
        some(&mut trial.test_metric);
        some(&mut trial.train_metric);
        some(&mut trial.validation_metric);
        some(&mut trial.train_loss);
        (trial.test_count, trial.test_total) = (None, None);
    }
    for epoch in &mut records.epochs {
        some(&mut epoch.validation_metric);
        for value in [
            &mut epoch.train_loss,
            &mut epoch.logit_mean_abs,
            &mut epoch.weight_norm,
        ] {
            *value = change(*value);
        }
        epoch.seconds_train = change(epoch.seconds_train).abs();
    }
    for row in &mut records.measurements {
        row.value = change(row.value);
    }
    (name, records, arms)
}

fn cases() -> Vec<Case> {
    let plain = Simulation::default;
    let six = vec![256, 1024, 4096, 16_384, 65_536, 1_048_576];
    let curved = || Simulation {
        test_curves: true,
        ..plain()
    };
    let seeds = |seeds| Simulation { seeds, ..plain() };
    let long = pairs(8, |index| {
        format!("adamw-decoupled-{index}_with-a-very-long-name-of-an-arm")
    });
    let unbroken = pairs(4, |index| format!("{index}{}", "x".repeat(28)));
    let mut two_tasks = records(&plain(), &pairs(4, |i| format!("arm{i}")));
    two_tasks.append(records(
        &Simulation {
            task: "a second task whose name is rather long".into(),
            batch_sizes: vec![10_000, 100_000, 1_000_000],
            ..plain()
        },
        &pairs(4, |i| format!("arm{i}")),
    ));
    let mut one_arm_lost = case("one arm all diverged", 4, plain());
    for trial in one_arm_lost
        .1
        .trials
        .iter_mut()
        .filter(|trial| trial.arm == "adam")
    {
        trial.outcome = Outcome::Diverged;
        (
            trial.test_metric,
            trial.train_metric,
            trial.validation_metric,
        ) = (None, None, None);
    }
    let three = vec![1024, 8192, 65_536];
    vec![
        case("two arms", 2, curved()),
        case("four arms", 4, plain()),
        case("eight arms", 8, plain()),
        case(
            "eight arms, six batch sizes",
            8,
            Simulation {
                batch_sizes: six.clone(),
                ..curved()
            },
        ),
        case(
            "three batch sizes",
            2,
            Simulation {
                batch_sizes: three,
                ..plain()
            },
        ),
        case(
            "six batch sizes",
            2,
            Simulation {
                batch_sizes: six,
                ..plain()
            },
        ),
        case(
            "one batch size",
            2,
            Simulation {
                batch_sizes: vec![1024],
                ..plain()
            },
        ),
        case("one seed", 2, seeds(1)),
        case("two seeds", 4, seeds(2)),
        case(
            "many seeds",
            2,
            Simulation {
                epochs: 3,
                ..seeds(200)
            },
        ),
        case(
            "one epoch",
            2,
            Simulation {
                epochs: 1,
                ..curved()
            },
        ),
        case(
            "a thousand epochs",
            2,
            Simulation {
                epochs: 1000,
                seeds: 2,
                ..plain()
            },
        ),
        case(
            "half diverged",
            4,
            Simulation {
                divergence: 0.5,
                ..plain()
            },
        ),
        case(
            "heavy tails",
            4,
            Simulation {
                noise: Noise::HeavyTailed,
                ..plain()
            },
        ),
        case(
            "many settings",
            4,
            Simulation {
                settings: 12,
                ..plain()
            },
        ),
        case(
            "eight arms of many settings",
            8,
            Simulation {
                settings: 14,
                batch_sizes: vec![256, 1024, 4096, 16_384, 65_536, 1_048_576],
                ..plain()
            },
        ),
        one_arm_lost,
        ("long names", records(&plain(), &long), long),
        ("unbroken names", records(&plain(), &unbroken), unbroken),
        ("two tasks", two_tasks, pairs(4, |i| format!("arm{i}"))),
        mapped(case("tiny values", 2, curved()), |x| 1e-9 * x),
        mapped(case("huge values", 2, curved()), |x| 1e12 * x),
        mapped(case("negative values", 2, curved()), |x| -1e3 * x),
        mapped(case("equal values", 2, curved()), |_| 0.5),
        mapped(case("nearly equal values", 2, curved()), |x| {
            0.5 + 1e-13 * x
        }),
        mapped(case("many decades", 2, curved()), |x| {
            (40.0 * (x - 0.3)).exp()
        }),
    ]
}

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
    figures.extend(of_all_tasks(&analysis.tasks, &scores, ranks.as_ref()));
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
                for fault in faults(&scene) {
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
fn every_figure_fits_on_a_page() {
    for case in cases() {
        for figure in figures(&case) {
            for width in Width::ALL {
                let fitting = figure.fitting(*width);
                let (_, height) = figure.scene(fitting.points()).size();
                let name = &figure.name;
                assert!(
                    figure.fits(fitting),
                    "{}, {name} at {width}: {height} pt",
                    case.0
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
fn captions_say_how_many_and_which_interval() {
    for figure in figures(&cases()[3]) {
        assert!(figure.caption.contains("n = "), "{}", figure.caption);
        let kinds = [
            "t interval",
            "range",
            "No interval",
            "Bars join",
            "one marker",
            "trials a cell",
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
