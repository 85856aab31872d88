"""Writes ratings as other tools write them, for `src/data/ratings/parquet/tests.rs`.

    pip install pyarrow==26.0.1
    python make.py

`kinds`, `spark`, `pairs`, `gaps`, `int96`, `strings`, `texts`, `fractions`, `checked` and `checked2` say what `ratings.csv`
says, or a part of it, in other types and under other names. Of the others, but for `whole` and `days`, each has one thing
that ratings do not have.
"""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
# Each of seven users has some of nine items, at times that are not those of their order.
ROWS = [
    (user, 100 + 7 * item, (user + item) % 9 / 2, 1_500_000_000 + (user * 31 + item * 17) % 60)
    for user in range(1, 8)
    for item in range(9)
    if (user * 5 + item * 3) % 4
]


def csv():
    lines = ["user,item,rating,time"]
    lines += [f"{user},{item},{rating},{time}" for user, item, rating, time in ROWS]
    (HERE / "ratings.csv").write_text("\n".join(lines) + "\n")


def write(name, columns, **options):
    options = {"row_group_size": 20, "compression": "snappy", **options}
    pq.write_table(pa.table(columns), HERE / f"{name}.parquet", **options)


users, items, ratings, times = (list(column) for column in zip(*ROWS))
USERS, ITEMS = pa.array(users, pa.int64()), pa.array(items, pa.int64())
csv()
write("kinds", {
    "title": pa.array([f"film {item}" for item in items]),
    "time": pa.array([time * 1_000_000 for time in times]).cast(pa.timestamp("us", "UTC")),
    "user": pa.array(users, pa.uint8()),
    "tags": pa.array([["a"], []] * (len(ROWS) // 2) + [["b"]] * (len(ROWS) % 2)),
    "item": pa.array(items, pa.uint64()),
    "rating": pa.array(ratings, pa.float32()),
}, compression="zstd", data_page_version="2.0")
write("spark", {
    "userId": pa.array(users, pa.int32()),
    "movieId": pa.array(items, pa.uint32()),
    "rating": pa.array(ratings, pa.float64()),
    "timestamp": pa.array(times, pa.int64()),
})
write("pairs", {
    "buyer": pa.array(users, pa.int16()), "item_id": pa.array(items, pa.int16()),
}, compression="gzip", use_dictionary=False)
write("whole", {"user": USERS, "item": ITEMS, "rating": pa.array([3] * len(ROWS), pa.int8())})
write("null_item", {"user": USERS, "item": pa.array([None if at == 24 else item for at, item in enumerate(items)])})
write("below_zero", {"user": pa.array([-user if at == 30 else user for at, user in enumerate(users)]), "item": ITEMS})
write("not_finite", {"user": USERS, "item": ITEMS, "rating": pa.array([float("nan")] * len(ROWS))})
write("texts", {"user": pa.array([str(user) for user in users]), "item": ITEMS})
write("decimals", {"user": USERS, "item": ITEMS, "rating": pa.array(ratings).cast(pa.decimal128(4, 2))})
write("days", {"user": USERS, "item": ITEMS, "time": pa.array([datetime.date(2024, 1, 1)] * len(ROWS))})
write("int96", {"user": USERS, "item": ITEMS, "time": pa.array(times).cast(pa.timestamp("s"))},
      use_deprecated_int96_timestamps=True)
STRINGS = {"user": pa.array([f"u{user}" for user in users]), "item": ITEMS}
UTC = datetime.timezone.utc
write("strings", {
    "user": pa.array([f"u{user}" for user in users]),
    # As pandas has categories.
    "item": pa.array([f"B{item}" for item in items]).dictionary_encode(),
    "rating": pa.array([str(rating) for rating in ratings]),
    "time": pa.array([datetime.datetime.fromtimestamp(time, UTC).isoformat() for time in times], pa.large_string()),
}, use_dictionary=["item"])
write("fractions", {"user": USERS, "item": ITEMS, "time": pa.array([time + at % 4 / 4 for at, time in enumerate(times)])})
write("empty_id", {"user": USERS, "item": pa.array(["" if at == 30 else f"B{item}" for at, item in enumerate(items)])})
write("null_time", {**STRINGS, "time": pa.array([None if at == 24 else time for at, time in enumerate(times)])})
write("words", {**STRINGS, "time": pa.array(["soon" if at == 4 else str(time) for at, time in enumerate(times)])})
write("hours", {"user": USERS, "item": ITEMS, "time": pa.array([datetime.time(12)] * len(ROWS))})
write("bytes", {"user": pa.array([b"u"] * len(ROWS)), "item": ITEMS})
write("lists", {"user": USERS, "item": pa.array([[item] for item in items])})
# What pandas makes of integers of which one is missing somewhere.
write("gaps", {
    "user": pa.array(users, pa.float64()), "item": pa.array(items, pa.float32()),
    "rating": pa.array(ratings, pa.float64()), "time": pa.array(times, pa.float64()),
})
write("parts", {"user": pa.array([user + 0.5 for user in users]), "item": ITEMS})
CHECKED = {"user": USERS, "item": ITEMS, "rating": pa.array(ratings), "time": pa.array(times, pa.int64())}
write("checked", CHECKED, compression="none", use_dictionary=False, write_page_checksum=True)
write("checked2", CHECKED, data_page_version="2.0", write_page_checksum=True)
