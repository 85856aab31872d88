//! Compiles the extension over libtorch, and gives this package's tests and
//! examples an rpath to libtorch, so that they run without `LD_LIBRARY_PATH`.

use std::path::PathBuf;

const EXTENSION: &str = "cpp/extension.cpp";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={EXTENSION}");
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
        .file(EXTENSION)
        .compile("lawn_core_extension");
}
