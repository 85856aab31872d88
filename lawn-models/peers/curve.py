"""The training curve of a residual network beside PyTorch's: the same recipe, images and classes.

    .venv/bin/python lawn-models/peers/curve.py --data-root DIR --data NAME

`DIR/NAME` is a folder of small images of one size, `train/CLASS/…` and `test/CLASS/…`. The recipe is
He et al.'s (2016, section 4.2) in ten epochs: SGD with momentum, random flips and crops, a
learning rate that rises for a tenth of the steps and falls as a cosine. Random numbers are each
side's own, so the curves agree as those of two seeds do. Prints the means of the seeds by
epoch, and how far apart the two sides are in standard errors of that difference: in the root of
the mean over all epochs, of which 1 is expected and 2 is beyond the seeds' noise.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from turns import HERE, ROOT, build

METRICS = ["train_loss", "test_top_1"]


def part(folder, into, images):
    """Links to the first images of each class, as many in all."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    for own in classes:
        (into / own.name).mkdir(parents=True)
        for path in sorted(own.iterdir())[: images // len(classes)]:
            (into / own.name / path.name).symlink_to(path)


def curve(command, seed):
    """The lines of one run."""
    command = [str(word) for word in [*command, "--seed", seed]]
    result = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    print(f"{Path(command[0]).name} seed {seed}: {json.dumps(lines)}", file=sys.stderr)
    return lines


def distance(ours, peer, metric):
    """Root of the mean square difference of the sides' means, in its standard errors."""
    apart = within = 0.0
    for epoch in zip(*ours, *peer):
        values = [line[metric] for line in epoch]
        sides = values[: len(ours)], values[len(ours) :]
        own, other = (statistics.mean(side) for side in sides)
        apart += (own - other) ** 2
        within += sum(statistics.variance(side) / len(side) for side in sides)
    return (apart / within) ** 0.5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--train-images", type=int, default=50_000)
    parser.add_argument("--test-images", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=2, help="a side, at least two")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("noise needs two seeds or more")

    own = build("vision_curve")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory() as root:
        data = options.data_root.resolve() / options.data
        for split in ["train", "test"]:
            count = options.train_images if split == "train" else options.test_images
            part(data / split, Path(root) / options.data / split, count)
        same = ["--data-root", root, "--data", options.data, "--depth", options.depth]
        same += ["--epochs", options.epochs, "--batch-size", options.batch_size]
        same += ["--threads", options.threads]
        peer = [sys.executable, HERE / "curve_torch.py", *same]
        sides = [([own, *same], []), (peer, [])]
        for seed in range(options.seeds):
            for command, curves in sides:
                curves.append(curve(command, seed))
    ours, peers = (curves for _, curves in sides)

    print("       train loss                       test top-1")
    print("epoch  lawn-models    PyTorch           lawn-models    PyTorch")
    for epoch in range(options.epochs):
        cells = []
        for metric in METRICS:
            for curves in (ours, peers):
                values = [lines[epoch][metric] for lines in curves]
                half = (max(values) - min(values)) / 2
                cells.append(f"{statistics.mean(values):.4f} ± {half:.4f}")
        print(f"{epoch + 1:5}  " + "  ".join(cells))
    for metric in METRICS:
        found = distance(ours, peers, metric)
        word = "within" if found < 2 else "beyond"
        print(f"{metric}: {found:.2f} standard errors apart, {word} the seeds' noise")


if __name__ == "__main__":
    main()
