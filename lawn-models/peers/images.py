"""Times image files on their way to a network: lawn, and torchvision with PIL, by turns.

    .venv/bin/python lawn-models/peers/images.py FOLDER [--plain] [--size 224] [--augment randaugment]

FOLDER has a folder of files for each class, as `train` of a data set has. Both read every file,
decode it, cut a random part to 224 x 224 (with --plain: the middle), turn half of them, change them
by a policy if one is named, and normalize, on one thread. `lawn` is timed on the folder and on packs
of it (`lawn data pack`), and with `reduced_decoding`, which torchvision does not have.
The numbers are images a second; what counts is their ratio in one run.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch.utils.data import default_collate
from torchvision import transforms
from torchvision.datasets import ImageFolder

ROOT = Path(__file__).resolve().parents[2]
SECONDS, ROUNDS = 3, 5


def build():
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--workspace"]
    command += ["--bin", "lawn", "--example", "image_throughput"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    return target / "lawn", target / "examples/image_throughput"


POLICIES = {"randaugment": transforms.RandAugment, "trivialaugment": transforms.TrivialAugmentWide}


def torchvision_loader(folder, plain, size, policy):
    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    cut = (
        [transforms.Resize(round(size * 256 / 224)), transforms.CenterCrop(size)]
        if plain
        else [transforms.RandomResizedCrop(size), transforms.RandomHorizontalFlip()]
    )
    if policy:
        cut.append(POLICIES[policy]())
    images = ImageFolder(folder, transforms.Compose([*cut, transforms.ToTensor(), normalize]))

    def measure():
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            order = torch.randperm(len(images))[:64].tolist()
            default_collate([images[index] for index in order])
            done += len(order)
        return done / (time.perf_counter() - began)

    return measure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plain", action="store_true", help="as evaluation sees them")
    parser.add_argument("--size", type=int, default=224, help="height and width of what comes out")
    parser.add_argument("--augment", choices=sorted(POLICIES), help="a policy beside crops and flips")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lawn, throughput = build()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        source = root / "folder"
        source.mkdir()
        # Two images a class at least, one of them for validation: each file is there twice.
        for split in ("train", "test"):
            for label in sorted(arguments.folder.iterdir()):
                (source / split / label.name).mkdir(parents=True)
                for number, file in enumerate(sorted(label.iterdir())):
                    for copy in (0, 1):
                        link = source / split / label.name / f"{number}-{copy}{file.suffix}"
                        link.symlink_to(file.resolve())
        for how in ("as-is", "raw"):
            command = [lawn, "data", "pack", source, "--out", root / how, "--as", how]
            subprocess.run(command, check=True, capture_output=True)

        def ours(data, *more):
            command = [throughput, "--data-root", root, "--data", data, "--seconds", str(SECONDS)]
            command += ["--size", str(arguments.size), *more]
            command += ["--plain"] if arguments.plain else []
            command += ["--augment", arguments.augment] if arguments.augment else []
            return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        ways = {
            "torchvision with PIL": torchvision_loader(
                source / "train", arguments.plain, arguments.size, arguments.augment
            ),
            "lawn, folder": lambda: ours("folder"),
            "lawn, pack as is": lambda: ours("as-is"),
            "lawn, as is, reduced": lambda: ours("as-is", "--reduced"),
            "lawn, pack raw": lambda: ours("raw"),
        }
        rounds = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, measure in ways.items():
                rounds[name].append(measure())
    peer = rounds["torchvision with PIL"]
    print(f"{'':22}  images/s  of torchvision, median of {ROUNDS} (least to most)")
    for name, speeds in rounds.items():
        ratios = sorted(speed / other for speed, other in zip(speeds, peer))
        middle = ratios[len(ratios) // 2]
        print(f"{name:22}  {sorted(speeds)[len(speeds) // 2]:8.0f}  {middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
