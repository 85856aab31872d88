"""Writes claims.json: small sweeps in which trials diverge, and p of every claim about them.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    python claims.py

Nothing here is shared with the crate. Numbers are fractions, a diverged trial is a number below all
others (so far below that its distance from them counts and theirs does not), every pattern of signs
is written out, ranks are scipy's and Holm's adjustment is that of statsmodels.
"""

import itertools
import json
import platform
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats import multitest

BATCHES = [64, 256, 1024, 4096]
LARGEST = BATCHES[-1]
FAR = 10**9  # further than any number: what a pair of which one diverged is worth
UNDEFINED = "undefined"
ALPHA = 0.05


def sign_flip(numbers):
    """Two-sided p of the sum, and its sign."""
    observed = sum(numbers)
    patterns = itertools.product((1, -1), repeat=len(numbers))
    sums = [sum(s * x for s, x in zip(signs, numbers)) for signs in patterns]
    return Fraction(sum(abs(s) >= abs(observed) for s in sums), len(sums)), observed


def tails(numbers):
    """One-sided p of the signed-rank sum, up and down."""
    kept = [x for x in numbers if x != 0]
    ranks = [Fraction(int(2 * r), 2) for r in stats.rankdata([abs(x) for x in kept])] if kept else []
    observed = sum(r for r, x in zip(ranks, kept) if x > 0)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(kept))]
    up = Fraction(sum(s >= observed for s in sums), len(sums))
    down = Fraction(sum(s <= observed for s in sums), len(sums))
    return up, down


def worst_rank(numbers):
    """Two-sided p where undefined seeds stand against either answer, and the side it leans to."""
    side = lambda far: [far if x is UNDEFINED else x for x in numbers]
    (up, _), (_, down) = tails(side(-(FAR**2))), tails(side(FAR**2))
    return min(2 * up, 2 * down, Fraction(1)), down - up


def decide(numbers, diverged):
    """p and leaning; whole numbers of the seeds are equal for one level of divergence."""
    if not numbers:
        return None, 0
    return worst_rank(numbers) if diverged else sign_flip(numbers)


def weakest(parts):
    if any(p is None for p, _ in parts):
        return None, 0
    return max(p for p, _ in parts), min(leaning for _, leaning in parts)


def advantage(treatment, baseline):
    """One pair: a number, or how far beyond them; a pair of which both diverged is a tie."""
    if treatment is None and baseline is None:
        return 0, 0
    if treatment is None:
        return 0, -1
    if baseline is None:
        return 0, 1
    return treatment - baseline, 0


def total(pairs):
    """The pairs of a seed added up: numbers count only where divergence is equal."""
    lead = sum(lead for _, lead in pairs)
    return FAR * lead if lead else sum(number for number, _ in pairs)


def slope(values):
    """Least squares on log2 of the batch, none where it ends in divergence."""
    x = [Fraction(b).numerator.bit_length() - 1 for b in BATCHES]
    middle = Fraction(sum(x), len(x))
    if any(v is None and xi <= middle for v, xi in zip(values, x)):
        return UNDEFINED
    if None in values:
        return None
    mean = sum(values) / len(values)
    return sum((a - middle) * (y - mean) for a, y in zip(x, values)) / sum((a - middle) ** 2 for a in x)


def claims(test, growth, contrasts, seeds):
    found = []
    for base, lawn in contrasts:
        at = lambda arm, seed: growth[arm, LARGEST, seed]
        numbers = [UNDEFINED if at(base, s) is None else at(base, s) for s in seeds]
        found.append((f"{base} loses adaptivity", decide(numbers, UNDEFINED in numbers)))
        # Less growth is better.
        pairs = [[advantage(*(None if v is None else -v for v in (at(lawn, s), at(base, s))))] for s in seeds]
        lost = any(at(arm, s) is None for arm in (base, lawn) for s in seeds)
        found.append((f"{lawn} keeps its adaptivity", decide([total(p) for p in pairs], lost)))

        pairs = [[advantage(test[lawn, b, s], test[base, b, s]) for b in BATCHES] for s in seeds]
        lost = any(test[arm, b, s] is None for arm in (base, lawn) for b in BATCHES for s in seeds)
        found.append((f"{lawn} generalizes better", decide([total(p) for p in pairs], lost)))

        numbers, lost = [], False
        for s in seeds:
            slopes = [slope([test[arm, b, s] for b in BATCHES]) for arm in (lawn, base)]
            lost |= None in slopes or UNDEFINED in slopes
            numbers.append(UNDEFINED if UNDEFINED in slopes else total([advantage(*slopes)]))
        found.append((f"{lawn} loses less", decide(numbers, lost)))

    gains = {c: [advantage(test[c[1], LARGEST, s], test[c[0], LARGEST, s]) for s in seeds] for c in contrasts}
    lost = {c: any(test[arm, LARGEST, s] is None for arm in c for s in seeds) for c in contrasts}
    if len(contrasts) > 1:
        each = [decide([total([g]) for g in gains[c]], lost[c]) for c in contrasts]
        found.append(("every treatment helps", weakest(each)))
        first = contrasts[0]
        ahead = []
        for other in contrasts[1:]:
            both = [[a, (-b[0], -b[1])] for a, b in zip(gains[first], gains[other])]
            ahead.append(decide([total(pair) for pair in both], lost[first] or lost[other]))
        found.append((f"{first[1]} gains more", weakest(ahead)))

    p = [1.0 if p is None else float(p) for _, (p, _) in found]
    adjusted = multitest.multipletests(p, method="holm")[1]
    said = []
    for (claim, (p, leaning)), adjusted_p in zip(found, adjusted):
        verdict = "not decided"
        if p is not None and adjusted_p <= ALPHA and leaning != 0:
            verdict = "borne out" if leaning > 0 else "opposite borne out"
        said.append({"claim": claim, "p": None if p is None else float(p),
                     "adjusted_p": None if p is None else adjusted_p, "verdict": verdict})
    return said


def sweep(rng, arms, n, gain, divergence, step):
    test, growth = {}, {}
    for place, arm in enumerate(arms):
        lawn = place % 2
        for b in BATCHES:
            for s in range(n):
                drop = 20 * (b.bit_length() - 7)
                thousandths = 700 - drop + lawn * gain * (1 + drop // 20) // (1 + place // 2)
                thousandths += step * int(rng.integers(-3, 4))
                ok = rng.random() >= divergence[lawn]
                test[arm, b, s] = Fraction(thousandths, 1000) if ok else None
                growth[arm, b, s] = int(rng.integers(1, 6)) * (1 - lawn) + int(rng.integers(-1, 2)) if ok else None
    return test, growth


rng = np.random.default_rng(20)
cases = []
for contrasts, n, gain, divergence, step in [
    (1, 6, 0, (0.0, 0.0), 1),
    (1, 6, 0, (0.2, 0.2), 1),
    (2, 7, 10, (0.1, 0.1), 5),
    (2, 10, 40, (0.3, 0.0), 5),
    (2, 11, 40, (0.1, 0.05), 5),
    (2, 11, -40, (0.0, 0.3), 5),
    (2, 10, 0, (0.4, 0.4), 1),
    (3, 10, 30, (0.1, 0.02), 5),
    (3, 11, 60, (0.25, 0.0), 5),
    (2, 5, 10, (0.8, 0.8), 5),
    (2, 10, 5, (1.0, 0.0), 5),
    (2, 11, 30, (0.02, 0.02), 10),
]:
    arms = [name for k in range(contrasts) for name in (f"arm{k}", f"arm{k}-lawn")]
    pairs = [(arms[2 * k], arms[2 * k + 1]) for k in range(contrasts)]
    test, growth = sweep(rng, arms, n, gain, divergence, step)
    trials = [
        {"arm": arm, "batch_size": b, "seed": s, "test": None if v is None else float(v),
         "growth": growth[arm, b, s]}
        for (arm, b, s), v in test.items()
    ]
    cases.append({"contrasts": pairs, "trials": trials, "claims": claims(test, growth, pairs, range(n))})

document = {
    "made_by": "claims.py",
    "versions": {
        "python": platform.python_version(), "numpy": np.__version__,
        "scipy": scipy.__version__, "statsmodels": statsmodels.__version__,
    },
    "tolerance": 1e-12,  # relative: counted cases over counted cases, times the steps of Holm
    "cases": cases,
}
lines = json.dumps(document).replace('{"arm"', '\n{"arm"').replace('{"claim"', '\n{"claim"')
Path(__file__).with_name("claims.json").write_text(lines.replace('{"contrasts"', '\n{"contrasts"') + "\n")
said = [claim["verdict"] for case in cases for claim in case["claims"]]
print(len(cases), "cases,", {verdict: said.count(verdict) for verdict in sorted(set(said))})
