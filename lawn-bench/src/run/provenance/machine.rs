//! The machine and the surroundings of a launch.

use std::collections::BTreeMap;
use std::path::Path;

use lawn_models::CudaProbe;
use serde::{Deserialize, Serialize};

use crate::run::lease;

/// Beginnings of the names of variables that change how fast or how exactly a
/// trial computes.
const VARIABLES: &[&str] = &[
    "ATEN_",
    "CUBLAS_",
    "CUDA_",
    "CUDNN_",
    "GOMP_",
    "KMP_",
    "LAWN_",
    "MALLOC_",
    "MKL_",
    "NVIDIA_TF32_",
    "OMP_",
    "ONEDNN_",
    "PYTORCH_",
    "TORCH_",
];

/// Variables that begin so and change neither.
const HARMLESS: &[&str] = &[super::source::BUILD, crate::run::launchers::LAUNCHER];

/// Processor, memory, accelerator and surroundings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// Model of the processor, as the system names it.
    pub processor: String,
    /// Instruction sets and other features of the processor.
    pub processor_flags: Vec<String>,
    /// Bytes of memory.
    pub memory: u64,
    /// What libtorch says of CUDA here.
    pub cuda: Option<CudaProbe>,
    /// Version of the accelerator's driver, where there is one.
    pub driver: Option<String>,
    /// Models of the accelerators that the driver knows.
    pub accelerators: Vec<String>,
    /// Variables that change how fast or how exactly a trial computes.
    pub environment: BTreeMap<String, String>,
}

impl Machine {
    /// The machine that this process runs on, and what libtorch says of CUDA there.
    pub(crate) fn this_one(cuda: Option<CudaProbe>) -> Self {
        let cpuinfo = text("/proc/cpuinfo");
        let flags = field(&cpuinfo, "flags").or_else(|| field(&cpuinfo, "Features"));
        Self {
            host: lease::host(),
            processor: field(&cpuinfo, "model name").unwrap_or_default().to_owned(),
            processor_flags: flags
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            memory: memory(&text("/proc/meminfo")),
            cuda,
            driver: driver(&text("/proc/driver/nvidia/version")),
            accelerators: accelerators(Path::new("/proc/driver/nvidia/gpus")),
            environment: std::env::vars()
                .filter(|(name, _)| !HARMLESS.contains(&name.as_str()))
                .filter(|(name, _)| VARIABLES.iter().any(|start| name.starts_with(start)))
                .collect(),
        }
    }
}

/// The content of a file of the system, or nothing where it has none.
fn text(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first `name : value` line.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

/// `MemTotal`, in bytes.
fn memory(meminfo: &str) -> u64 {
    let kib = field(meminfo, "MemTotal").and_then(|value| value.strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

/// The version in `NVRM version: NVIDIA UNIX … Kernel Module  580.95.05  …`.
fn driver(version: &str) -> Option<String> {
    let line = version.lines().find(|line| line.starts_with("NVRM"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_whitespace().find(is_version).map(str::to_owned)
}

/// The model of each accelerator, in the order of their bus addresses.
fn accelerators(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut places: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    places.sort();
    places
        .iter()
        .filter_map(|place| std::fs::read_to_string(place.join("information")).ok())
        .filter_map(|text| field(&text, "Model").map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let machine = Machine::this_one(None);
        assert!(machine.memory > 1 << 20, "{}", machine.memory);
        assert!(!machine.host.is_empty());
        assert!(!machine.processor_flags.is_empty());
    }

    #[test]
    fn the_drivers_version_is_found_in_its_line() {
        let said = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release \
                    Build\nGCC version:  gcc version 12.2.0\n";
        assert_eq!(driver(said).as_deref(), Some("580.95.05"));
        assert_eq!(driver(""), None);
    }

    #[test]
    fn accelerators_are_named_in_the_order_of_their_addresses() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (address, model) in [("0000:41:00.0", "B"), ("0000:01:00.0", "A")] {
            let place = folder.path().join(address);
            std::fs::create_dir(&place).expect("it can be made");
            let information = format!("Model: \t\t {model}\nIRQ:   \t\t 5\n");
            std::fs::write(place.join("information"), information).expect("it can be written");
        }
        assert_eq!(accelerators(folder.path()), ["A", "B"]);
    }
}
