"""NeuMF training beside PyTorch: samples per second, by turns, on the same cores.

    .venv/bin/python lawn-models/peers/compare.py --data-root DIR [--data ml-1m]

Each repeat runs both sides one after the other, so that a slow minute of the
machine meets both. Either side is bound to as many cores as it has threads:
the thread that draws the next epoch's samples gets no core of its own. Prints
the median of each side and the median of the repeats' ratios with their range.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def run(command, threads):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < threads:
        sys.exit(f"{threads} threads need as many cores, {len(cores)} are there")
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    result = subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores[:threads]),
    )
    return json.loads(result.stdout.splitlines()[-1])


def build():
    """Builds the example and gives the path of its program."""
    command = ["cargo", "build", "--locked", "--release", "--workspace"]
    command += ["--example", "neumf_throughput", "--message-format", "json"]
    lines = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    messages = (json.loads(line) for line in lines.splitlines())
    paths = [message.get("executable") for message in messages]
    return [path for path in paths if path][-1]


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
    ours = build()
    print("batch size  threads      lawn-models          PyTorch  ratio (range)")
    for size in options.batch_sizes:
        same = ["--threads", options.threads, "--batch-size", size, "--epochs", options.epochs]
        same = [str(word) for word in same]
        lines = []
        for _ in range(options.repeats):
            own = run([ours, "--data-root", root, "--data", options.data, *same], options.threads)
            peer = run([sys.executable, HERE / "neumf.py", "--data", train, *same], options.threads)
            lines.append((own["samples_per_second"], peer["samples_per_second"]))
        own, peer = (statistics.median(side) for side in zip(*lines))
        ratios = sorted(a / b for a, b in lines)
        print(
            f"{size:10,}  {options.threads:7}  {own:15,.0f}  {peer:15,.0f}  "
            f"{statistics.median(ratios):5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
