//! Gives this package's targets an rpath to libtorch, so that they run without
//! `LD_LIBRARY_PATH`, and the library the version of the libtorch it is built with.
//! lawn-core knows both.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let told = |what: &str| std::env::var(format!("DEP_LAWN_CORE_LIBTORCH_{what}"));
    if let Ok(lib) = told("LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    let version = told("VERSION").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=LAWN_LIBTORCH_VERSION={version}");
}
