"""Text of clicks to numbers and ids by polars: read_csv, then logarithms and hashes of the columns."""

import argparse
import json
import time
from pathlib import Path

import polars as pl


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--hash-size", type=int, default=1 << 18)
    options = parser.parse_args()

    names = ["label", *(f"I{i}" for i in range(1, 14)), *(f"C{i}" for i in range(1, 27))]
    kinds = [pl.UInt8] + [pl.Int64] * 13 + [pl.String] * 26
    began = time.perf_counter()
    frame = pl.read_csv(
        options.data_root / options.data / "train.txt",
        separator="\t",
        has_header=False,
        new_columns=names,
        schema_overrides=dict(zip(names, kinds)),
        quote_char=None,
    )
    frame = frame.select(
        pl.col("label").cast(pl.Float32),
        pl.col(names[1:14]).fill_null(-1).clip(lower_bound=0).log1p().cast(pl.Float32),
        *(
            (pl.col(name).fill_null("").hash(seed=column) % options.hash_size).cast(pl.UInt32)
            for column, name in enumerate(names[14:])
        ),
    )
    seconds = time.perf_counter() - began
    print(json.dumps({"rows_per_second": len(frame) / seconds}))


if __name__ == "__main__":
    main()
