#!/usr/bin/env python3
"""Packs what `run.sh` needs on a machine that has a GPU and a Python with torch 2.11, and nothing else.

    just gpu-bundle [OUT.tar.xz]

The archive has the programs, stripped, and the scripts; it is refused above 40 MB. There:

    python3 -m tarfile -e lawn-gpu.tar.xz && bash lawn-gpu/run.sh
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "lawn-gpu"
MOST = 40_000_000
PROGRAMS = [
    "accelerator",
    "gpu_conformance",
    "lawn",
    "lawn-torch",
    "neumf_throughput",
    "recommender_throughput",
    "same_twice",
    "vision_throughput",
]
SCRIPTS = [
    *(f"lawn-bench/gpu/{name}.py" for name in ("checks", "machine", "measure", "page", "programs", "speed", "targets")),
    *(f"lawn-core/peers/{name}.py" for name in ("accelerator", "contenders")),
    *(f"lawn-models/peers/{name}.py" for name in ("image_nets", "neumf", "recommender_torch", "vision_torch")),
    "LICENSE-APACHE",
    "LICENSE-MIT",
]


def program(folder, name):
    """Where cargo has put a program: examples lie in a folder of their own."""
    for place in (folder / name, folder.parent / name):
        if place.is_file():
            return place
    sys.exit(f"gpu-bundle: {folder / name} is not there")


def strip(path):
    """Takes out the symbols. What has none, or where there is no `strip`, stays as it is."""
    if shutil.which("strip"):
        subprocess.run(["strip", path], stderr=subprocess.DEVNULL, check=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="cargo's folder of examples")
    parser.add_argument("out", type=Path, nargs="?", default=Path(f"{NAME}.tar.xz"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / NAME
        (folder / "bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copy(program(options.programs, name), folder / "bin" / name)
            strip(folder / "bin" / name)
        for name in SCRIPTS:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / "lawn-bench/gpu/run.sh", folder)
        with tarfile.open(options.out, "w:xz", preset=6) as archive:
            archive.add(folder, NAME)
    size = options.out.stat().st_size
    print(f"gpu-bundle: {options.out}, {size / 1e6:.1f} MB")
    if size > MOST:
        sys.exit(f"gpu-bundle: that is more than {MOST / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
