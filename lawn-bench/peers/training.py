"""NeuMF training, ours beside PyTorch's: samples per second and their ratio.

Both do the same work on the same data with the same threads, one after the
other, several times over, so that what else the machine does falls on both.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def measure(command):
    """The samples per second that `command` prints as JSON."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])["samples_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", required=True, help="the neumf_throughput example, built")
    parser.add_argument("--data-root", required=True, help="folder of the data sets")
    parser.add_argument("--data", default="ml-1m")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=2, help="timed a run, after one that is not")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    ratings = next(Path(options.data_root).rglob(f"{options.data}.train.rating"), None)
    if ratings is None:
        sys.exit(f"{options.data}.train.rating is not under {options.data_root}")
    theirs = [sys.executable, str(ROOT / "lawn-models/peers/neumf.py"), "--data", str(ratings)]
    ours = [options.ours, "--data-root", options.data_root, "--data", options.data]
    print(f"samples/s, median of {options.repeats} runs of {options.epochs} epochs each\n")
    print("| batch size | threads | lawn | PyTorch | lawn / PyTorch (range) |")
    print("|--:|--:|--:|--:|--:|")
    for batch_size in options.batch_sizes:
        for threads in options.threads:
            size = ["--batch-size", str(batch_size), "--threads", str(threads)]
            size += ["--epochs", str(options.epochs)]
            pairs = [(measure(ours + size), measure(theirs + size)) for _ in range(options.repeats)]
            ratios = [mine / peer for mine, peer in pairs]
            mine, peer = (statistics.median(column) for column in zip(*pairs))
            print(
                f"| {batch_size:,} | {threads} | {mine:,.0f} | {peer:,.0f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
