//! Two baselines of criterion side by side: `bench_compare FOLDER ONE OTHER`.
//!
//! `just bench-compare REF` measures two commits and prints this table. FOLDER is criterion's own
//! (`target/criterion`). A time is the median with its 95 % interval, and the ratio that of the
//! medians. It is marked where the intervals do not meet.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// The median time of a benchmark in nanoseconds, as criterion stores it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Median {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

#[derive(Deserialize)]
struct Estimates {
    median: Median,
}

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, one, other] = &arguments[..] else {
        return Err("allowed: bench_compare FOLDER ONE OTHER".into());
    };
    let of = |baseline: &str| baseline_of(Path::new(folder), baseline);
    print!("{}", table(one, &of(one)?, other, &of(other)?)?);
    Ok(())
}

/// By id, the times of every benchmark that has the baseline.
fn baseline_of(folder: &Path, name: &str) -> Result<BTreeMap<String, Median>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let estimates = folder.join("estimates.json");
        let is_baseline = folder.file_name().is_some_and(|found| found == name);
        if is_baseline && estimates.is_file() {
            let read = |path: &Path| {
                fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
            };
            let estimates: Estimates = serde_json::from_slice(&read(&estimates)?)?;
            let benchmark = read(&folder.join("benchmark.json"))?;
            let benchmark: Benchmark = serde_json::from_slice(&benchmark)?;
            found.insert(benchmark.full_id, estimates.median);
            continue;
        }
        let entries =
            fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

/// A line for each benchmark of both baselines, then those of one alone.
fn table(
    one: &str,
    ones: &BTreeMap<String, Median>,
    other: &str,
    others: &BTreeMap<String, Median>,
) -> Result<String, Box<dyn Error>> {
    let both = ones
        .iter()
        .filter_map(|(id, time)| Some((id, time, others.get(id)?)));
    let mut rows = vec![["benchmark", one, other, "ratio", ""].map(str::to_owned)];
    rows.extend(both.map(|(id, a, b)| {
        let apart = a.confidence_interval.upper_bound < b.confidence_interval.lower_bound
            || b.confidence_interval.upper_bound < a.confidence_interval.lower_bound;
        let ratio = b.point_estimate / a.point_estimate;
        let said = match (apart, ratio < 1.0) {
            (false, _) => "",
            (true, true) => "faster",
            (true, false) => "slower",
        };
        [
            id.clone(),
            shown(a),
            shown(b),
            format!("{ratio:.3}"),
            said.to_owned(),
        ]
    }));
    if rows.len() == 1 {
        return Err(format!("no benchmark has both baselines, `{one}` and `{other}`").into());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..5).filter_map(width).collect();
    let mut text = String::new();
    for [id, a, b, ratio, said] in &rows {
        let line = format!(
            "{id:<0$}  {a:>1$}  {b:>2$}  {ratio:>3$}  {said}",
            widths[0], widths[1], widths[2], widths[3]
        );
        text += line.trim_end();
        text.push('\n');
    }
    for (name, these, those) in [(one, ones, others), (other, others, ones)] {
        let alone: Vec<&str> = these
            .keys()
            .filter(|id| !those.contains_key(*id))
            .map(String::as_str)
            .collect();
        if !alone.is_empty() {
            text += &format!("only in {name}: {}\n", alone.join(", "));
        }
    }
    Ok(text)
}

/// A time in the unit that fits, with half of its interval.
fn shown(time: &Median) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let fits = units.iter().find(|(size, _)| time.point_estimate >= *size);
    let (size, unit) = fits.unwrap_or(&units[3]);
    let Interval {
        lower_bound,
        upper_bound,
    } = time.confidence_interval;
    format!(
        "{:.3} ± {:.3} {unit}",
        time.point_estimate / size,
        (upper_bound - lower_bound) / 2.0 / size
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(folder: &Path, id: &str, baseline: &str, [low, median, high]: [f64; 3]) {
        let folder = folder.join(id.replace('/', "_")).join(baseline);
        fs::create_dir_all(&folder).unwrap();
        let estimates = format!(
            "{{\"mean\": {{}}, \"median\": {{\"confidence_interval\": {{\"confidence_level\": 0.95, \
             \"lower_bound\": {low}, \"upper_bound\": {high}}}, \"point_estimate\": {median}, \
             \"standard_error\": 1}}}}"
        );
        fs::write(folder.join("estimates.json"), estimates).unwrap();
        let benchmark = format!("{{\"full_id\": \"{id}\", \"title\": \"x\"}}");
        fs::write(folder.join("benchmark.json"), benchmark).unwrap();
    }

    #[test]
    fn two_baselines_are_side_by_side() {
        let dir = tempfile::tempdir().unwrap();
        stored(dir.path(), "step/adam", "main", [900.0, 1000.0, 1100.0]);
        stored(dir.path(), "step/adam", "here", [400.0, 500.0, 600.0]);
        stored(dir.path(), "step/sgd", "main", [2e6, 3e6, 4e6]);
        stored(dir.path(), "step/sgd", "here", [3e6, 3.3e6, 5e6]);
        stored(dir.path(), "step/new", "here", [1.0, 2.0, 3.0]);
        stored(dir.path(), "step/sgd", "new", [1.0, 2.0, 3.0]);
        let of = |name| baseline_of(dir.path(), name).unwrap();
        let text = table("main", &of("main"), "here", &of("here")).unwrap();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .filter(|cell| !cell.is_empty())
                    .map(str::trim)
                    .collect()
            })
            .collect();
        let expected = [
            vec!["benchmark", "main", "here", "ratio"],
            vec![
                "step/adam",
                "1.000 ± 0.100 µs",
                "500.000 ± 100.000 ns",
                "0.500",
                "faster",
            ],
            vec!["step/sgd", "3.000 ± 1.000 ms", "3.300 ± 1.000 ms", "1.100"],
            vec!["only in here: step/new"],
        ];
        assert_eq!(lines, expected);
        let error = table("none", &of("none"), "here", &of("here")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("both baselines, `none` and `here`")
        );
    }
}
