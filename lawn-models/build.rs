//! Compiles what training needs of libtorch beside tch, and what decodes JPEG files with libjpeg.
//! Gives this package's targets an rpath to libtorch, so that they run without `LD_LIBRARY_PATH`,
//! and the library the version of the libtorch it is built with. lawn-core knows where that is.

use std::path::{Path, PathBuf};

/// A file a subject; one file of Rust has the way to it.
const SUBJECTS: [&str; 15] = [
    "autocast",
    "cross",
    "determinism",
    "device_memory",
    "graph",
    "host_memory",
    "linear",
    "pairs",
    "parallel",
    "rank_store",
    "rank_group",
    "rank_gradients",
    "rows",
    "samples",
    "two_rows",
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=cpp");
    jpeg();
    libtorch();
}

fn libtorch() {
    let told = |what: &str| std::env::var(format!("DEP_LAWN_CORE_LIBTORCH_{what}"));
    let version = told("VERSION").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=LAWN_LIBTORCH_VERSION={version}");
    let (Ok(lib), Ok(include), Ok(abi)) = (told("LIB"), told("INCLUDE"), told("ABI")) else {
        // Documentation is made without libtorch.
        return;
    };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .include(&include)
        .include(Path::new(&include).join("torch/csrc/api/include"))
        .include(gloo())
        .define("USE_C10D_GLOO", None)
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        // Clones of a kernel for other processors have no sums fused that this one's has not.
        .flag_if_supported("-ffp-contract=off")
        .file(together())
        .compile("lawn_models_extension");
}

/// One file that includes those of all subjects, as in lawn-core: the compiler reads libtorch's
/// headers once for it.
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

/// A folder with the names of Gloo's headers, which libtorch's header of a process group includes
/// and no wheel has; all of them stand for the declarations of ours that it needs.
fn gloo() -> PathBuf {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let line = format!("#include \"{}\"\n", here.join("cpp/gloo.h").display());
    for name in [
        "algorithm",
        "common/error",
        "context",
        "rendezvous/store",
        "transport/device",
    ] {
        let file = out.join("gloo").join(name).with_extension("h");
        let folder = file.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).expect("cargo lets a build script write into OUT_DIR");
        std::fs::write(&file, &line).expect("cargo lets a build script write into OUT_DIR");
    }
    out
}

/// mozjpeg-sys tells where the headers of its libjpeg are.
fn jpeg() {
    let include = std::env::var_os("DEP_JPEG_INCLUDE").expect("mozjpeg-sys tells its headers");
    cc::Build::new()
        .includes(std::env::split_paths(&include))
        .file("cpp/jpeg.c")
        .compile("lawn_models_jpeg");
}
