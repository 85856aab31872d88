//! Gives this package's targets an rpath to libtorch, so that they run without
//! `LD_LIBRARY_PATH`, and the command the source that it is built from: commit,
//! uncommitted changes, lockfile. Outside a git checkout these are unknown.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Uncommitted changes beyond this are cut; they are there to be read.
const DIFF_LIMIT: usize = 1 << 20;

/// What decides the command, relative to this package.
const SOURCES: &[&str] = &[
    "build.rs",
    "src",
    "Cargo.toml",
    "../Cargo.toml",
    "../Cargo.lock",
    "../lawn-core/src",
    "../lawn-models/src",
    "../lawn-analysis/src",
];

fn main() {
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    // What libtorch and the archives that call it both define would otherwise be kept for libtorch to
    // see, and would keep it linked to the command that needs nothing of it.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo:rustc-link-arg-bin=lawn=-Wl,--exclude-libs,ALL");
    }
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    let watched = SOURCES.iter().map(PathBuf::from);
    for path in watched.chain(log.map(|path| PathBuf::from(path.trim()))) {
        // A path that is not there would have this script run each time.
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }

    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    println!("cargo:rustc-env=LAWN_COMMIT={}", commit.trim());
    let mut diff = git(&["diff", "HEAD"]).unwrap_or_default();
    if diff.len() > DIFF_LIMIT {
        let cut = (0..=DIFF_LIMIT).rev().find(|&at| diff.is_char_boundary(at));
        diff.truncate(cut.unwrap_or(0));
        diff.push_str("\n(cut here)\n");
    }
    keep("uncommitted.diff", diff.as_bytes());
    keep(
        "Cargo.lock",
        &std::fs::read("../Cargo.lock").unwrap_or_default(),
    );
}

/// What git prints, where it is there and this is a checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(said)
}

/// Writes a file that the source includes.
fn keep(name: &str, content: &[u8]) {
    let out = std::env::var("OUT_DIR").expect("cargo names a folder for build scripts");
    std::fs::write(Path::new(&out).join(name), content).expect("its folder can be written");
}
