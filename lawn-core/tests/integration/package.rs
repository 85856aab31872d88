//! What the archive of the crate holds: `just package` runs the tests from within it.

use std::fs;
use std::path::Path;

/// A path of the crate.
fn here(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn both_licences_are_in_it() {
    for (file, words) in [
        ("LICENSE-APACHE", "Apache License"),
        (
            "LICENSE-MIT",
            "Permission is hereby granted, free of charge",
        ),
    ] {
        let text = fs::read_to_string(here(file)).expect(file);
        assert!(text.contains(words), "{file}");
    }
}

#[test]
fn its_pages_point_at_nothing_outside_of_it() {
    for page in ["README.md", "BENCHMARKS.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(here(page)).expect(page);
        let inline = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let listed = text.lines().filter_map(|line| {
            let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
            Some(target)
        });
        let links = inline.chain(listed).filter(|link| !link.contains("://"));
        for link in links {
            let file = link.split('#').next().unwrap_or_default();
            assert!(
                !file.starts_with("..") && !file.starts_with('/'),
                "{page}: {link}"
            );
            assert!(here(file).exists(), "{page}: {link}");
        }
        // And what it calls a file of the crate is one.
        let quoted = text.split('`').skip(1).step_by(2);
        let kinds = [".rs", ".py", ".cpp", ".cu", ".h", ".md"];
        for file in quoted.filter(|word| kinds.iter().any(|kind| word.ends_with(kind))) {
            let own = [
                "examples/",
                "tests/",
                "src/",
                "cpp/",
                "cuda/",
                "goldens/",
                "peers/",
                "benches/",
            ];
            if own.iter().any(|folder| file.starts_with(folder)) {
                assert!(here(file).exists(), "{page}: {file}");
            }
        }
    }
}

#[test]
fn it_says_which_compiler_it_wants() {
    let manifest = fs::read_to_string(here("Cargo.toml")).unwrap();
    assert!(manifest.contains("rust-version"), "{manifest}");
    assert_eq!(env!("CARGO_PKG_RUST_VERSION").split('.').count(), 2);
    assert_eq!(env!("CARGO_PKG_LICENSE"), "MIT OR Apache-2.0");
}
