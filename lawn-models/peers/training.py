"""NeuMF training beside PyTorch: samples per second, by turns, on the same cores.

    .venv/bin/python lawn-models/peers/training.py --data-root DIR [--data ml-1m]

Each repeat runs both sides one after the other, so that a slow minute of the
machine meets both. Either side is bound to as many cores as it has threads:
the thread that draws the next epoch's samples gets no core of its own. Prints
the median of each side and the median of the repeats' ratios with their range.
"""

import argparse
import sys
from pathlib import Path

from turns import HERE, build, by_turns


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--data", default="ml-1m")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--epochs", type=int, default=2, help="timed, after one that is not")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    root = options.data_root.resolve()
    file = f"{options.data}.train.rating"
    places = [root / options.data / file, root / file]
    train = next((place for place in places if place.exists()), None)
    if train is None:
        sys.exit(f"no {places[0]} and no {places[1]}")
    ours = build("neumf_throughput")
    print("batch size  threads      lawn-models          PyTorch  ratio (range)")
    for size in options.batch_sizes:
        same = ["--threads", options.threads, "--batch-size", size, "--epochs", options.epochs]
        own = [ours, "--data-root", root, "--data", options.data, *same]
        peer = [sys.executable, HERE / "neumf.py", "--data", train, *same]
        line = by_turns(own, peer, "samples_per_second", options.threads, options.repeats)
        print(f"{size:10,}  {options.threads:7}  {line}", flush=True)


if __name__ == "__main__":
    main()
