//! Gives this package's targets an rpath to libtorch, so that they run without
//! `LD_LIBRARY_PATH`, and the library the version of the libtorch it is built
//! with, which no function of libtorch's C interface tells.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").unwrap_or_default();
    if !lib.is_empty() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    let version = version(Path::new(&lib)).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=LAWN_LIBTORCH_VERSION={version}");
}

/// The version in the headers beside the libraries, at its place in 2.9 and
/// later or at the one before.
fn version(lib: &Path) -> Option<String> {
    let include = lib.parent()?.join("include/torch");
    let places = ["headeronly/version.h", "csrc/api/include/torch/version.h"];
    places.iter().find_map(|place| {
        let text = std::fs::read_to_string(include.join(place)).ok()?;
        let number = |part: &str| {
            let start = format!("#define TORCH_VERSION_{part} ");
            text.lines()
                .find_map(|line| line.strip_prefix(&start))
                .map(|rest| rest.trim().to_owned())
        };
        Some([number("MAJOR")?, number("MINOR")?, number("PATCH")?].join("."))
    })
}
