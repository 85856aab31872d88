//! Tables and figures in papers of the venues: compiled, and nothing sticks out.
//!
//! Needs pdflatex with booktabs; where there is none the test says so and does nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use lawn_analysis::records::Word;
use lawn_analysis::simulate::Simulation;
use lawn_analysis::{Records, ReportFiles, ReportRequest, Width, write_report};

fn found(command: &str, argument: &str) -> bool {
    Command::new(command)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Eight arms of long names on two tasks, of which some trials diverge, and two of which have no
/// seed in common on one task.
fn eight_arms() -> (Records, ReportRequest) {
    let mut records = Records::default();
    let mut request = ReportRequest::new("Eight arms", 256);
    request.margins.insert("hit rate".into(), 0.005);
    for rule in [
        "sgd-momentum",
        "adam",
        "lamb_exclude-1d",
        "adamw_decoupled-decay",
    ] {
        let arms = [rule.to_owned(), format!("{rule}-lawn")];
        for task in ["image_net & more", "pinterest-37k"] {
            let simulation = Simulation {
                task: task.into(),
                arms: arms.clone(),
                batch_sizes: vec![256, 1024, 4096, 16_384, 65_536, 1_048_576],
                seeds: 3,
                epochs: 8,
                divergence: 0.2,
                settings: 14,
                seed: rule.len() as u64,
                ..Simulation::default()
            };
            records.append(simulation.records());
        }
        let [baseline, treatment] = arms;
        request = request.contrast(baseline, treatment);
    }
    for trial in &mut records.trials {
        if trial.task == "pinterest-37k" && trial.arm == "adam-lawn" {
            trial.seed += 100;
        }
    }
    (records, request)
}

/// A paper with every table and every figure of a report.
fn paper(width: Width, files: &ReportFiles) -> String {
    let two_columns = matches!(width, Width::Icml | Width::IcmlWide);
    let (class, text) = if two_columns {
        ("twocolumn", Width::IcmlWide)
    } else {
        ("onecolumn", width)
    };
    let mut body = String::new();
    for table in &files.tables {
        if table
            .extension()
            .is_some_and(|extension| extension == "tex")
        {
            let name = table.file_name().unwrap().to_str().unwrap();
            body.push_str(&format!("\\input{{tables/{name}}}\n\\clearpage\n"));
        }
    }
    for figure in &files.figures {
        let star = if figure.width == Width::IcmlWide {
            "*"
        } else {
            ""
        };
        let name = &figure.name;
        body.push_str(&format!(
            "\\begin{{figure{star}}}\\centering\\includegraphics{{figures/{name}.pdf}}\n\
             \\input{{figures/{name}.tex}}\\end{{figure{star}}}\n\\clearpage\n"
        ));
    }
    format!(
        "\\documentclass[10pt,{class}]{{article}}\n\\usepackage[T1]{{fontenc}}\n\
         \\usepackage{{array,booktabs,graphicx}}\n\
         \\setlength\\textwidth{{{}in}}\\setlength\\textheight{{9in}}\\setlength\\columnsep{{0.25in}}\n\
         \\setlength\\topmargin{{-0.5in}}\\setlength\\oddsidemargin{{0in}}\n\
         \\begin{{document}}\n{body}\\end{{document}}\n",
        text.inches()
    )
}

fn compile(dir: &Path) -> String {
    for _ in 0..2 {
        let output = Command::new("pdflatex")
            .args(["-interaction=nonstopmode", "-halt-on-error", "paper.tex"])
            .current_dir(dir)
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            &log[log.len().saturating_sub(3000)..]
        );
    }
    String::from_utf8_lossy(&fs::read(dir.join("paper.log")).unwrap()).into_owned()
}

#[test]
fn nothing_sticks_out_of_a_paper_of_any_venue() {
    if !found("pdflatex", "--version") || !found("kpsewhich", "booktabs.sty") {
        eprintln!("no pdflatex with booktabs found: no paper was compiled");
        return;
    }
    let (records, mut request) = eight_arms();
    for width in [Width::NeurIps, Width::Icml, Width::IcmlWide, Width::Jmlr] {
        request.width = width;
        let dir = tempfile::tempdir().unwrap();
        let files = write_report(&records, &request, dir.path()).unwrap();
        let paper = paper(width, &files);
        assert!(paper.contains("{tables/unpaired.tex}"), "{paper}");
        fs::write(dir.path().join("paper.tex"), paper).unwrap();
        let log = compile(dir.path());
        if let Some(keep) = std::env::var_os("LAWN_KEEP_PAPERS") {
            let name = format!("{}.pdf", width.as_str());
            fs::copy(dir.path().join("paper.pdf"), Path::new(&keep).join(name)).unwrap();
        }
        let wrong = [
            "Overfull",
            "Float too large",
            "undefined",
            "Missing character",
        ];
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| wrong.iter().any(|wrong| line.contains(wrong)))
            .collect();
        assert!(lines.is_empty(), "{}: {lines:#?}", width.as_str());
    }
}
