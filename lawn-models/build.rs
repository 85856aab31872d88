//! Compiles what decodes JPEG files with libjpeg, gives this package's targets an rpath to
//! libtorch, so that they run without `LD_LIBRARY_PATH`, and the library the version of the
//! libtorch it is built with. lawn-core knows both.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let told = |what: &str| std::env::var(format!("DEP_LAWN_CORE_LIBTORCH_{what}"));
    if let Ok(lib) = told("LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    let version = told("VERSION").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=LAWN_LIBTORCH_VERSION={version}");
    jpeg();
}

/// mozjpeg-sys tells where the headers of its libjpeg are.
fn jpeg() {
    println!("cargo:rerun-if-changed=cpp/jpeg.c");
    let include = std::env::var_os("DEP_JPEG_INCLUDE").expect("mozjpeg-sys tells its headers");
    cc::Build::new()
        .includes(std::env::split_paths(&include))
        .file("cpp/jpeg.c")
        .compile("lawn_models_jpeg");
}
