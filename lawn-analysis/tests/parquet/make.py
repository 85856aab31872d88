"""Writes results as other tools write them, for `tests/integration/foreign.rs`: one table in many types.

    pip install pyarrow==26.0.1
    python make.py

Each file says what `table.csv` says. Their columns `note`, `created` … are none of a report's.
"""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
TESTS = ["0.61", "0.62", "0.597", "0.647"]
ROWS = [
    (arm, 1024, seed, TESTS[(2 * at + seed) % 4], "0.75" if arm == "mine" else "")
    for at, arm in enumerate(["sgd", "mine"])
    for seed in range(2)
]


def csv():
    lines = ["task,arm,batch_size,seed,test_metric,validation_metric,higher_is_better"]
    lines += [f"t,{','.join(map(str, row))},true" for row in ROWS]
    (HERE / "table.csv").write_text("\n".join(lines) + "\n")


def write(name, kinds, **options):
    """The table with its columns of the given types, some columns more, in two row groups."""
    arms, batches, seeds, tests, validation = zip(*ROWS)
    number = lambda kind: decimal.Decimal if pa.types.is_decimal(kind) else float
    metric, batch = kinds["test_metric"], kinds["batch_size"]
    columns = {
        "task": pa.array([" t "] * len(ROWS)).cast(kinds["text"]),
        "arm": pa.array(arms).cast(kinds["text"]),
        "batch_size": pa.array([number(batch)(b) for b in batches]).cast(batch),
        "seed": pa.array(seeds).cast(kinds["seed"]),
        "test_metric": pa.array([number(metric)(t) for t in tests]).cast(metric),
        "validation_metric": pa.array([number(metric)(v) if v else None for v in validation]).cast(metric),
        "higher_is_better": pa.array([True] * len(ROWS)).cast(kinds.get("flag", pa.bool_())),
        "note": pa.array([["a"], []] * 2),
        "created": pa.array([datetime.datetime(2024, 1, 1)] * 4).cast(pa.timestamp("ns", "UTC")),
        "day": pa.array([datetime.date(2024, 1, 1)] * 4),
        "took": pa.array([datetime.timedelta(seconds=1)] * 4),
        "config": pa.array([{"batch_size": 1, "task": "other"}] * 4),
        "tags": pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int8())),
        "nothing": pa.nulls(4),
    }
    pq.write_table(pa.table(columns), HERE / name, row_group_size=3, **options)


csv()
text = pa.dictionary(pa.int8(), pa.string())
write("decimals.parquet", {
    "text": text, "batch_size": pa.decimal128(7, 2), "seed": pa.uint64(),
    "test_metric": pa.decimal128(10, 4),
}, compression="zstd")
write("short_decimals.parquet", {
    "text": pa.large_string(), "batch_size": pa.int16(), "seed": pa.uint8(),
    "test_metric": pa.decimal128(5, 4),
}, store_decimal_as_integer=True, compression="gzip")
write("long_decimals.parquet", {
    "text": pa.string_view(), "batch_size": pa.decimal256(50, 0), "seed": pa.int8(),
    "test_metric": pa.decimal256(60, 20),
}, data_page_version="2.0", compression="none")
write("singles.parquet", {
    "text": pa.binary(), "batch_size": pa.float64(), "seed": pa.float32(),
    "test_metric": pa.float32(), "flag": pa.int8(),
}, compression="brotli", use_dictionary=False)
write("halves.parquet", {
    "text": text, "batch_size": pa.uint16(), "seed": pa.float64(), "test_metric": pa.float16(),
}, compression="lz4")
