"""Rows of Criteo's text beside polars: rows per second, by turns, on the same cores.

    .venv/bin/python lawn-models/peers/clicks.py --data-root DIR --data NAME

`NAME/train.txt` is read on both sides, integers become logarithms and categories ids. Ours also
writes the rows to the disk, with their checksums; polars keeps them in memory. Prints the median of each side and the median of the repeats' ratios with their range.
"""

import argparse
import sys

from turns import HERE, build, by_turns


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--hash-size", type=int, default=1 << 18)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--program", help="the example `click_reading`, where it is built already")
    options = parser.parse_args()

    ours = options.program or build("click_reading")
    same = ["--data-root", options.data_root, "--data", options.data]
    same += ["--hash-size", options.hash_size]
    peer = [sys.executable, HERE / "clicks_polars.py", *same]
    print("threads      lawn-models           polars  ratio (range)")
    line = by_turns([ours, *same], peer, "rows_per_second", options.threads, options.repeats)
    print(f"{options.threads:7}  {line}", flush=True)


if __name__ == "__main__":
    main()
