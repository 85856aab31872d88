//! Compiles the extension over libtorch, and gives this package's tests and
//! examples an rpath to libtorch, so that they run without `LD_LIBRARY_PATH`.

use std::path::{Path, PathBuf};

/// A file a subject, beside one of its name in `src/libtorch/`.
const SUBJECTS: [&str; 5] = ["determinism", "dispatches", "foreach", "stream", "versions"];
const VERSION: &str = "cpp/version.cpp";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=cpp");
    println!("cargo:rerun-if-changed=cuda");
    println!("cargo:rustc-check-cfg=cfg(unoptimised)");
    if std::env::var("OPT_LEVEL").is_ok_and(|level| level == "0") {
        // The kernels would be slower than libtorch's operations.
        println!("cargo:rustc-cfg=unoptimised");
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
    println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");
    if std::env::var_os("CARGO_FEATURE_DOC_ONLY").is_some() {
        return;
    }
    // Set by torch-sys, which found libtorch.
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").expect("torch-sys tells where libtorch is");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    let root = match std::env::var_os("LIBTORCH_INCLUDE") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(&lib).join(".."),
    };
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .file(together())
        .compile("lawn_core_extension");
    emulation();
    // For the build scripts of the crates above, as DEP_LAWN_CORE_LIBTORCH_LIB and so on.
    println!("cargo::metadata=lib={lib}");
    println!("cargo::metadata=include={}", root.join("include").display());
    println!("cargo::metadata=abi={abi}");
    println!("cargo::metadata=version={}", version(&root));
}

/// The CUDA kernels, compiled for the CPU. Tests run them there.
fn emulation() {
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        // A sum of a product has the bits that it has on a device.
        .flag_if_supported("-ffp-contract=off")
        .file("cuda/emulated.cpp")
        .compile("lawn_core_emulation");
}

/// One file that includes those of all subjects. The compiler reads libtorch's headers once for
/// it, which takes longer than everything else in them.
fn together() -> PathBuf {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let file = out.join("extension.cpp");
    let lines = SUBJECTS.map(|subject| {
        let path = here.join("cpp").join(subject).with_extension("cpp");
        format!("#include \"{}\"\n", path.display())
    });
    std::fs::write(&file, lines.concat()).expect("cargo lets a build script write into OUT_DIR");
    file
}

/// The version of libtorch, which no function of its C interface tells. The preprocessor finds
/// it, wherever the headers of a release have it.
fn version(root: &Path) -> String {
    println!("cargo:rerun-if-changed={VERSION}");
    let expanded = cc::Build::new()
        .cpp(true)
        .warnings(false)
        .include(root.join("include"))
        .include(root.join("include/torch/csrc/api/include"))
        .file(VERSION)
        .try_expand()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&expanded);
    let version = text.lines().rfind(|line| line.starts_with('"'));
    version.unwrap_or("unknown").trim_matches('"').to_owned()
}
