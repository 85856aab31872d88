//! `just gpu` and `just gpu-bundle`, with programs and a Python that only say what a GPU would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where Python is; the tests here are skipped without one.
fn python() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args([
            "-c",
            "import sys; assert sys.version_info >= (3, 10); print(sys.executable)",
        ])
        .output()
        .ok()
        .filter(|output| output.status.success());
    if output.is_none() {
        eprintln!("skipped: no python3 of 3.10 or newer");
    }
    let path = String::from_utf8(output?.stdout).expect("a path is text");
    Some(PathBuf::from(path.trim()))
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
    fs::write(path, format!("#!/bin/sh\n{text}")).expect("it can be written");
    let permissions = fs::Permissions::from_mode(0o755);
    fs::set_permissions(path, permissions).expect("it can be set");
}

/// Programs as `just gpu` builds them, and what stands in for a Python that has torch.
fn programs(root: &Path) {
    let race = |speed: f64| {
        format!(
            "echo '{{\"samples_per_second\": {speed}, \"images_per_second\": {speed}, \
             \"host_seconds\": 4e-5, \"graphs\": {{\"replayed\": 95, \"updated\": 94, \"checked\": 2}}, \
             \"implementation\": \"x\"}}'\n"
        )
    };
    let conformance = "echo 'adam      Float     free      1.0e-7'\n\
                       echo 'lamb      Float     by row    1.0e-1 TOO FAR'\n\
                       echo 'SOME DO NOT AGREE'; exit 1\n";
    script(&root.join("gpu_conformance"), conformance);
    let doctor = "case $* in\n\
                  *--json) echo '{\"findings\": [{\"what\": \"ranks\", \"found\": \"gloo, and why not NCCL\"}]}';;\n\
                  *) echo 'libtorch ok';;\n\
                  esac\n";
    script(&root.join("lawn"), doctor);
    script(&root.join("lawn-torch"), "");
    script(&root.join("neumf_throughput"), &race(60.0));
    script(&root.join("vision_throughput"), &race(12.0));
    // It hangs.
    script(
        &root.join("recommender_throughput"),
        "exec /bin/sleep 100\n",
    );
    script(&root.join("accelerator"), "exit 3\n");
    // Header of no bytes but `{}`, and a tensor that differs from trial to trial of the task `image`.
    let trial = "while [ $# -gt 0 ]; do case $1 in --folder) f=$2;; --task) t=$2;; --graphs) g=1;; --checkpoint-every) s=1;; --samples) o=1;; esac; shift; done\n\
                 if [ -n \"$o\" ]; then\n\
                   [ \"$t\" = image ] && d=1 || d=0\n\
                   echo \"{\\\"event\\\": \\\"samples\\\", \\\"samples\\\": 9000, \\\"batches_that_differ\\\": $d, \\\"reason\\\": null}\"\n\
                   exit 0\n\
                 fi\n\
                 [ \"$t\" = image ] && b=$$ || b=0\n\
                 printf '\\002\\000\\000\\000\\000\\000\\000\\000{}%s' \"$b\" > \"$f/model.safetensors\"\n\
                 if [ -e \"$f/checkpoint.safetensors\" ]; then r=3; else r=0; fi\n\
                 echo \"{\\\"event\\\": \\\"started\\\", \\\"steps\\\": 9, \\\"resumed_step\\\": $r}\"\n\
                 echo '{\"event\": \"notice\", \"from\": 4, \"to\": 2, \"says\": \"less\"}'\n\
                 for e in 1 2 3 4; do echo '{\"event\": \"evaluated\", \"train_loss\": 0.5}'; done\n\
                 if [ -n \"$s\" ] && [ ! -e \"$f/checkpoint.safetensors\" ]; then\n\
                   for e in 1 2 3 4 5 6 7 8 9; do : > \"$f/checkpoint.safetensors\"; /bin/sleep 0.1; done\n\
                 fi\n\
                 [ -n \"$g\" ] && echo '{\"event\": \"computed\", \"graphs\": {\"captured\": 2, \"replayed\": 7, \"updated\": 6, \"checked\": 4}}'\n\
                 echo '{\"event\": \"finished\", \"train_loss\": 0.5}'\n";
    let begins = "for b in process device task optimizer step; do\n\
                  echo \"{\\\"event\\\": \\\"reached\\\", \\\"beginning\\\": \\\"$b\\\", \\\"at\\\": 1e10}\"\n\
                  done\n";
    script(&root.join("same_twice"), &format!("{begins}{trial}"));
    let torch = format!(
        "case $1 in\n\
         */machine.py) echo '{{\"torch\": \"2.11.0\", \"name\": \"A Card\", \"copied\": 2e12, \"memory\": 10000000000}}';;\n\
         */accelerator.py)\n\
           echo '{{\"set\": \"NeuMF\", \"name\": \"torch AdamW fused\", \"step\": 1e-4}}'\n\
           echo '{{\"set\": \"NeuMF\", \"name\": \"Adam-LAWN\", \"step\": 2e-4, \"held\": 3e-5}}'\n\
           echo '{{\"set\": \"NeuMF\", \"name\": \"Adam-LAWN, fresh gradients\", \"step\": 3e-4, \"held\": 7e-5}}'\n\
           echo '{{\"set\": \"72 × 1024 × 4096\", \"name\": \"Adam-LAWN\", \"step\": 8e-3, \"held\": 3e-5}}'\n\
           echo 'no card any more' >&2; exit 1;;\n\
         */*) {};;\n\
         esac\n",
        race(10.0).trim_end()
    );
    script(&root.join("python"), &torch);
}

fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("it runs");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

/// Every part is in the page, also one that fails, hangs or ends in the middle, with each target.
#[test]
fn a_page_has_every_target_and_what_went_wrong() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    programs(&root.join("programs"));
    let page = root.join("GPU.md");
    let (output, said) = output(
        Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/gpu/measure.py"))
            .arg("--programs")
            .arg(root.join("programs"))
            .arg("--python")
            .arg(root.join("programs/python"))
            .arg("--out")
            .arg(&page)
            .args(["--limit", "15"]),
    );
    assert_eq!(output.status.code(), Some(1), "{said}");
    let page = fs::read_to_string(page).unwrap_or_else(|_| panic!("{said}"));
    for line in [
        "# A Card",
        "| conformance | holds | no | MISSED |",
        "| repeated, ncf | holds | yes | met |",
        "| repeated, image | holds | no | MISSED |",
        "| killed and resumed, ncf | holds | yes | met |",
        "| captured in graphs, ncf | holds | yes | met |",
        "7 passes replayed from 2 graphs, 6 with the optimizer's step, 4 both ways",
        "| ResNet-20, 32 × 32 | 128 | 95 | 94 | 2 | 40 | – |",
        "| repeated, clicks | holds | yes | met |",
        "| captured in graphs, clicks | holds | yes | met |",
        "| killed and resumed in graphs, ncf | holds | yes | met |",
        "| killed and resumed in graphs, image | holds | no | MISSED |",
        "| in micro-batches and graphs, ncf | holds | yes | met |",
        "| samples of the device, ncf | holds | yes | met |",
        "| samples of the device, image | holds | no | MISSED |",
        "9,000 samples, 1 batches differ",
        "| in micro-batches and graphs, image | holds | no | MISSED |",
        // 302M parameters of 44 bytes in 8 ms are 1.66 TB/s of 2.
        "| Adam-LAWN over the bandwidth of a copy, 72 × 1024 × 4096 | ≥ 75% | 83% | met |",
        "| the same with fresh gradients | ≤ 50 µs | 70 µs | MISSED |",
        "| samples/s over PyTorch, Trial of ResNet-20 at 1,024 | ≥ 1.3 | 1.20 | MISSED |",
        // With `--deterministic` the program is as fast.
        "| cost of the same bits each time, NeuMF-8 at 10,000 | ≤ 1.10 | 1.00 | met |",
        "| cost of the same bits each time, Trial of ResNet-20 at 128 | ≤ 1.10 | 1.00 | met |",
        "## Until the first step of a trial",
        "| first step | 0.00 | 0.00 |",
        "| memory back-off | yes | 4 to 2; at most 3 GiB |",
        "| two ranks | not known | needs two GPUs; there is 1. gloo, and why not NCCL",
        "| samples/s, DLRM-small at 262,144 | ≥ 2M | – | not measured |",
        "lamb Float by row 1.0e-1 TOO FAR",
        "| Adam-LAWN over torch AdamW fused, NeuMF | ≤ 1.0 | 2.00 | MISSED |",
        "| Adam-LAWN over torch AdamW fused, ResNet-50 | ≤ 0.9 | – | not measured |",
        "| the host is held by a step | ≤ 50 µs | 30 µs | met |",
        "| samples/s over PyTorch, NeuMF-8 at 1,000,000 | ≥ 5.0 | 6.00 | met |",
        "| samples/s over PyTorch, ResNet-20 at 128 | ≥ 1.3 | 1.20 | MISSED |",
        "FAILED: python ended with 1: no card any more",
        "recommender_throughput took longer than",
        "libtorch ok",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    let results = fs::read_to_string(root.join("GPU.jsonl")).expect("it is there");
    let kinds = results.lines().map(|line| {
        let one: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        one["kind"].as_str().expect("it has one").to_owned()
    });
    let parts = kinds.filter(|kind| kind == "part").count();
    assert_eq!(parts, 9);
}

/// The archive runs in an empty folder, with nothing but Python to be found.
#[test]
fn a_bundle_runs_where_there_is_only_python() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path();
    programs(&root.join("programs"));
    let archive = root.join("lawn-gpu.tar.xz");
    let (packed, said) = output(
        Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/gpu/bundle.py"))
            .arg("--programs")
            .arg(root.join("programs"))
            .arg(&archive),
    );
    assert!(packed.status.success(), "{said}");
    let there = root.join("there");
    fs::create_dir(&there).expect("it can be made");
    let (unpacked, said) = output(
        Command::new(&python)
            .args(["-m", "tarfile", "-e"])
            .arg(&archive)
            .current_dir(&there),
    );
    assert!(unpacked.status.success(), "{said}");

    // What passes for an installed torch.
    let site = root.join("site");
    script(&site.join("torch/__init__.py"), "");
    let run = |version: &str| {
        let about = format!("Metadata-Version: 2.1\nName: torch\nVersion: {version}\n");
        let place = site.join("torch-0.dist-info");
        fs::create_dir_all(&place).expect("it can be made");
        fs::write(place.join("METADATA"), about).expect("it can be written");
        output(
            Command::new("/bin/bash")
                .arg("lawn-gpu/run.sh")
                .arg("--python")
                .arg(root.join("programs/python"))
                .args(["--only", "optimizer"])
                .current_dir(&there)
                .env_clear()
                .env("PATH", root.join("nothing"))
                .env("PYTHON", &python)
                .env("PYTHONPATH", &site),
        )
    };
    let (_, said) = run("2.12.0");
    assert!(said.contains("torch is 2.12.0"), "{said}");
    let (_, said) = run("2.11.0+cu130");
    let page = fs::read_to_string(there.join("GPU.md")).unwrap_or_else(|_| panic!("{said}"));
    assert!(page.starts_with("# A Card\n"), "{page}");
    assert!(page.contains("| Adam-LAWN | 2.00 |"), "{page}");
}
