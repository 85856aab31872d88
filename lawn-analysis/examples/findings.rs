//! The page of findings from kept records: `findings FOLDER [check | keep RUN]`.
//!
//! FOLDER is `lawn-bench/studies`. The blocks of its `FINDINGS.md` and its figures in `findings` are
//! made of `records/*`, without training. `check` writes nothing, and fails where they would change.
//! `keep RUN` first copies what is kept of a finished run to `records/NAME`, NAME being that of its
//! folder.

use std::error::Error;
use std::fs;
use std::path::Path;

use lawn_analysis::report::{Findings, KeptStudy};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, check) = match arguments[..] {
        [folder] => (folder, false),
        [folder, "check"] => (folder, true),
        [folder, "keep", run] => {
            let name = Path::new(run).file_name().ok_or("the run has no name")?;
            KeptStudy::keep(
                Path::new(run),
                &Path::new(folder).join("records").join(name),
            )?;
            (folder, false)
        }
        _ => return Err("allowed: findings FOLDER [check | keep RUN]".into()),
    };
    let folder = Path::new(folder);
    let path = folder.join("FINDINGS.md");
    let page = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let found = Findings::load(&folder.join("records"))?.render(&path, &page)?;
    if check {
        let same = found.files.iter().all(|(name, content)| {
            fs::read(folder.join(name)).is_ok_and(|found| found == *content)
        });
        if !same || found.page != page {
            return Err(
                "FINDINGS.md or a figure of it is not that of the records: `just findings` makes \
                        it anew"
                    .into(),
            );
        }
        return Ok(());
    }
    fs::create_dir_all(folder.join("findings"))?;
    for (name, content) in &found.files {
        fs::write(folder.join(name), content)?;
    }
    fs::write(&path, &found.page)?;
    print!("{}", found.page);
    Ok(())
}
