"""p-values of slopes, gaps, drops and means by every pattern of signs, where ties are true ones.

A slope on log2(batch) has irrational weights. Here they are integers of sixty decimal digits, the
metrics are integers, every pattern of signs is added up, and sums closer than 1e-30 of their size
are ties: that is another way than the crate's, which reasons about the factors of the batch sizes.

    python3 goldens/slopes.py > goldens/slopes.json      (the standard library is enough)
"""

import itertools
import json
import platform
import random
from decimal import Decimal, getcontext

DIGITS = 60
getcontext().prec = DIGITS + 20
LOST = None


def logarithm(batch):
    return int(Decimal(batch).ln() * Decimal(10) ** DIGITS)


def weights(batches):
    """m ln(b) − Σ ln, which is the slope's weight but for a positive factor."""
    logs = [logarithm(batch) for batch in batches]
    return [len(logs) * log - sum(logs) for log in logs]


def tolerance(values):
    return max(map(abs, values), default=0) * len(values) // 10**30


def sign_flip(values):
    slack = tolerance(values)
    observed = abs(sum(values))
    sums = [0]
    for value in values:
        sums = [total + sign * value for total in sums for sign in (-1, 1)]
    return sum(abs(total) >= observed - slack for total in sums), len(sums)


def doubled_midranks(values, slack):
    """2 × the mean rank of each value."""
    return [
        1 + sum(2 if other < value - slack else 1 if abs(other - value) <= slack else 0 for other in values)
        for value in values
    ]


def signed_rank(values):
    slack = tolerance(values)
    kept = [value for value in values if abs(value) > slack]
    ranks = doubled_midranks([abs(value) for value in kept], slack)
    observed = sum(rank for rank, value in zip(ranks, kept) if value > 0)
    totals = [0]
    for rank in ranks:
        totals = [total + taken for total in totals for taken in (0, rank)]
    tails = sum(t <= observed for t in totals), sum(t >= observed for t in totals)
    return min(len(totals), 2 * min(tails)), len(totals)


def mann_whitney(x, y):
    both = x + y
    ranks = doubled_midranks(both, tolerance(both))
    observed = sum(ranks[: len(x)])
    totals = [sum(chosen) for chosen in itertools.combinations(ranks, len(x))]
    tails = sum(t <= observed for t in totals), sum(t >= observed for t in totals)
    return min(len(totals), 2 * min(tails)), len(totals)


FORMS = {
    # The integer k as text, and how a program prints it that divides.
    "tenths": lambda k: repr(k / 10),
    "four digits": lambda k: f"{k / 10_000:.4f}",
    "of 24": lambda k: repr(k / 24),
    "of 6040": lambda k: repr(k / 6040),
    "per cent of 96": lambda k: repr(100 * k / 96),
    "complement of 240": lambda k: repr(1 - k / 240),
}
GRIDS = [
    (100, 300, 1000),
    (10_000, 100_000, 1_000_000),
    (256, 1024, 4096),
    (96, 100, 144, 1500),
    (1, 7, 12, 18, 98),
    (6, 10, 15),
    (1_000_003, 2_000_006, 999_983),
]


def case(generator, grid, form, n):
    grid = sorted(grid)
    middle, step = {
        "tenths": (5, 1),
        "four digits": (6100, 25),
        "of 24": (12, 1),
        "of 6040": (4000, 7),
        "per cent of 96": (60, 2),
        "complement of 240": (30, 3),
    }[form]
    draw = lambda most: middle + step * generator.randint(-2, most)
    train = [[[draw(3) for _ in grid] for _ in range(n)] for _ in range(2)]
    test = [[[draw(2 + arm) for _ in grid] for _ in range(n)] for arm in range(2)]
    sign = -1 if form.startswith("complement") else 1
    weight = weights(grid)
    slope = lambda values: sign * sum(w * v for w, v in zip(weight, values))
    gaps = lambda arm, seed: [a - b for a, b in zip(train[arm][seed], test[arm][seed])]
    seeds = range(n)
    pairs = lambda of: [of(1, seed) - of(0, seed) for seed in seeds]
    large = [slope(test[1][s]) - slope(test[0][s]) for s in seeds]
    # The treatment of the first seed loses its trial at the largest batch, if that counts at all.
    reach = sum(map(abs, large)) + 1
    expected = {
        "test-slope": sign_flip(large),
        "gap-slope": sign_flip(pairs(lambda arm, seed: slope(gaps(arm, seed)))),
        "generalization-gap": sign_flip(pairs(lambda arm, seed: gaps(arm, seed)[-1])),
        "large-batch-drop": sign_flip(pairs(lambda arm, seed: test[arm][seed][0] - test[arm][seed][-1])),
        "mean": sign_flip(pairs(lambda arm, seed: sum(test[arm][seed]))),
        "worst-rank": signed_rank([-reach] + large[1:]),
        "unpaired": mann_whitney([slope(v) for v in test[1]], [slope(v) for v in test[0]]) if n <= 9 else None,
    }
    text = FORMS[form]
    written = lambda metric: [[[text(v) for v in values] for values in arm] for arm in metric]
    return {
        "form": form,
        "batch_sizes": grid,
        "train": written(train),
        "test": written(test),
        "expected": expected,
    }


def main():
    generator = random.Random(0)
    cases = [
        case(generator, grid, form, n)
        for grid in GRIDS
        for form in FORMS
        for n in (6, 9, 13)
    ]
    document = {
        "made_by": "goldens/slopes.py",
        "python": platform.python_version(),
        "tolerance": "none: numerators and denominators are equal",
        "cases": cases,
    }
    # A line a case.
    head = {key: value for key, value in document.items() if key != "cases"}
    lines = ",\n".join(json.dumps(one) for one in cases)
    print(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}")


main()
