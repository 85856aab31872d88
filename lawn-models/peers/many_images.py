"""Measures how much memory and time a set of many images takes before its first batch.

    .venv/bin/python lawn-models/peers/many_images.py FOLDER [--train 1281167] [--packed 100000]

Makes image folders of tiny JPEG files under the new folder FOLDER, which has to be on a file
system with hard links and is removed afterwards. `lawn data check` looks into each file, twice: the
second time what was found is in a cache. `lawn plan` plans a sweep, and the example
`image_throughput` opens the set as a trial does and makes its first batch; of a pack, too. Peak
memory is that of the whole process, libtorch included.
"""

import argparse
import os
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLASSES = 1000

SWEEP = """
name = "many"
batch_sizes = [256]
[tasks.many]
kind = "image"
data = "{name}"
model = "resnet18"
[tasks.many.transform]
size = 224
[budget]
steps = 10
[evaluation]
every = {{ steps = 10 }}
[arms.sgd]
rule = "sgd"
learning_rate = 0.1
[confirmation]
seeds = [1]
"""


def build():
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--workspace"]
    command += ["--bin", "lawn", "--example", "image_throughput"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    return target / "lawn", target / "examples/image_throughput"


def make(lawn, folder, train, test):
    """An image folder of a thousand classes; the files of a class are links to one."""
    seeds = folder.parent / f"{folder.name}-seeds"
    sizes = ["classes=1000", "side=8", "train=4000", "test=1000"]
    command = [lawn, "data", "make", "image", "--out", seeds]
    for size in sizes:
        command += ["--set", size]
    subprocess.run(command, check=True, capture_output=True)
    labels = sorted(path.name for path in (seeds / "train").iterdir())
    for split, count in (("train", train), ("test", test)):
        for number, label in enumerate(labels):
            place = folder / split / label
            place.mkdir(parents=True)
            seed = sorted((seeds / split / label).iterdir())[0]
            own = count // CLASSES + (number < count % CLASSES)
            for image in range(own):
                # As long as the names of ImageNet.
                os.link(seed, place / f"n{number:08}_{image:05}.JPEG")
    shutil.rmtree(seeds)


def measured(what, command, environment):
    """Runs a program, and tells its time, its peak memory and what it said."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{what}: status {status}\n{said}")
    print(f"{what:44} {seconds:7.1f} s {used.ru_maxrss / 1024:8.0f} MiB", flush=True)
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=1_281_167, help="train images of the folder")
    parser.add_argument("--packed", type=int, default=100_000, help="train images of the pack")
    arguments = parser.parse_args()
    lawn, throughput = build()
    root = arguments.folder
    root.mkdir(parents=True)
    environment = dict(os.environ, OMP_NUM_THREADS="1", XDG_CACHE_HOME=str(root / "cache"))
    try:
        make(lawn, root / "many", arguments.train, 50_000)
        print(f"{arguments.train} train and 50000 test images in {CLASSES} classes, as files", flush=True)
        check = [lawn, "data", "check", "many", "--data-root", root]
        measured("lawn data check, nothing known", check, environment)
        measured("lawn data check, from its cache", check, environment)
        sweep = root / "many.toml"
        sweep.write_text(SWEEP.format(name="many"))
        measured("lawn plan", [lawn, "plan", sweep, "--data-root", root, "--runs", root / "runs"], environment)
        first = [throughput, "--data-root", root, "--first-batch", "--data"]
        print(measured("a trial's data, to its first batch", [*first, "many"], environment), end="")
        make(lawn, root / "some", arguments.packed, 1_000)
        pack = [lawn, "data", "pack", root / "some", "--out", root / "packed"]
        subprocess.run(pack, check=True, capture_output=True, env=environment)
        print(f"{arguments.packed} train images in a pack", flush=True)
        print(measured("a trial's data, to its first batch", [*first, "packed"], environment), end="")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
