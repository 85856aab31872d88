"""Writes statistics.json: what scipy and statsmodels say, for the tests of this crate.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    python generate.py

Every case names a method, its input and what is expected. The tolerances are named once, here,
and travel with the cases. scipy 1.15's t quantile is off by 3e-11 at small df: use 1.17.1.
"""

import itertools
import json
import math
import platform
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy import special, stats
from statsmodels.stats import multitest, proportion

# relative, with an absolute floor of the same size
TOLERANCES = {
    "exact": 1e-15,      # counted cases over counted cases
    "arithmetic": 1e-12, # means, deviations, ratios
    "distribution": 1e-11, # t, chi-squared and beta distribution functions and quantiles
    "quadrature": 1e-7,  # studentized range, noncentral t: integrals on both sides
}

cases = []


def case(method, tolerance, inputs, **expected):
    def plain(x):
        if isinstance(x, (np.floating, np.integer)):
            x = x.item()
        if isinstance(x, np.ndarray):
            x = x.tolist()
        if isinstance(x, float) and not math.isfinite(x):
            return None
        return x

    expected = {key: plain(value) for key, value in expected.items()}
    cases.append(
        {"method": method, "tolerance": tolerance, "input": inputs, "expected": expected}
    )


DIFFERENCES = {
    "two": [0.5, 0.25],
    "two of opposite sign": [0.5, -0.25],
    "three": [0.012, 0.034, 0.021],
    "three with a zero": [0.0, 0.5, 0.25],
    "decimal ties": [0.1, 0.1, -0.1, 0.2, 0.3],
    "all negative": [-1.0, -2.0, -4.0, -8.0],
    "zeros and ties": [0.0, 0.0, 1.0, 1.0, -1.0, 2.0, 3.0],
    "five": [0.013, -0.002, 0.021, 0.017, 0.009],
    "eight": [1.5, 2.5, -0.5, 3.0, 0.25, 1.0, -2.0, 4.0],
    "twelve with ties": [1, 1, 2, 2, -1, 3, 3, -3, 4, 5, -2, 6],
    "thirteen": [0.4, 1.3, -0.7, 2.2, 0.9, 1.1, -1.6, 0.3, 0.8, 2.7, -0.2, 1.9, 0.6],
    "balanced": [1.0, -1.0, 2.0, -2.0],
}
ALTERNATIVES = {"two-sided": "two-sided", "greater": "greater", "less": "less"}


def exact_decimals(values):
    return [Fraction(repr(float(value))) for value in values]


for name, d in DIFFERENCES.items():
    d = [float(x) for x in d]
    n = len(d)
    exact = exact_decimals(d)
    sums = [sum(s * x for s, x in zip(signs, exact)) for signs in itertools.product((1, -1), repeat=n)]
    observed = sum(exact)
    for alternative in ALTERNATIVES:
        # Counted in rationals, and checked against scipy where rounding cannot break its ties.
        if alternative == "two-sided":
            p = Fraction(sum(abs(s) >= abs(observed) for s in sums), len(sums))
        elif alternative == "greater":
            p = Fraction(sum(s >= observed for s in sums), len(sums))
        else:
            p = Fraction(sum(s <= observed for s in sums), len(sums))
        theirs = stats.permutation_test(
            (np.array(d),), np.mean, permutation_type="samples", n_resamples=np.inf,
            alternative=alternative,
        ).pvalue
        assert abs(float(p) - theirs) < 1e-12, (name, alternative, p, theirs)
        case("sign_flip", "exact", {"d": d, "alternative": alternative}, p=float(p))
    if np.std(d) > 0:
        for alternative in ALTERNATIVES:
            result = stats.ttest_1samp(d, 0.0, alternative=alternative)
            case("paired_t", "distribution", {"d": d, "alternative": alternative},
                 statistic=result.statistic, p=result.pvalue)
        interval = stats.ttest_1samp(d, 0.0).confidence_interval(0.95)
        case("mean_t", "distribution", {"x": d, "level": 0.95},
             value=np.mean(d), low=interval.low, high=interval.high)
        dz = np.mean(d) / np.std(d, ddof=1)
        case("d_z", "arithmetic", {"d": d}, value=dz)
        if n > 2:
            j = math.exp(special.gammaln((n - 1) / 2) - special.gammaln((n - 2) / 2)) / math.sqrt((n - 1) / 2)
            case("hedges_g", "arithmetic", {"d": d}, value=j * dz)
        for margin in (0.5, 5.0):
            lower = stats.ttest_1samp(d, -margin, alternative="greater")
            upper = stats.ttest_1samp(d, margin, alternative="less")
            ninety = stats.ttest_1samp(d, 0.0).confidence_interval(0.90)
            case("equivalence", "distribution", {"d": d, "margin": margin, "alpha": 0.05},
                 above=lower.pvalue, below=upper.pvalue, p=max(lower.pvalue, upper.pvalue),
                 low=ninety.low, high=ninety.high)
    kept = [x for x in d if x != 0]
    if kept:
        for alternative in ALTERNATIVES:
            result = stats.wilcoxon(
                kept, alternative=alternative,
                method=stats.PermutationMethod(n_resamples=np.inf),
            )
            # scipy's two-sided statistic is the smaller sum; ours is always that of the positive.
            ranks = stats.rankdata(np.abs(kept))
            case("signed_rank", "exact", {"d": d, "alternative": alternative},
                 statistic=float(sum(r for r, x in zip(ranks, kept) if x > 0)), p=result.pvalue)

for count, total in [(0, 1), (1, 1), (0, 10), (10, 10), (1, 2), (3, 7), (19, 20), (50, 100)]:
    for level in (0.9, 0.95):
        low, high = proportion.proportion_confint(count, total, alpha=1 - level, method="beta")
        low, high = (0.0 if count == 0 else low), (1.0 if count == total else high)
        case("clopper_pearson", "distribution", {"count": count, "total": total, "level": level},
             value=count / total, low=low, high=high)

FAMILIES = [
    [0.01], [0.01, 0.04, 0.03], [0.5, 0.5, 0.5], [0.0, 1.0, 0.2], [0.04, 0.01, 0.02, 0.03, 0.005],
    [0.9, 0.8, 0.001, 0.001], [0.0625, 0.0625, 0.125, 1.0],
]
for family in FAMILIES:
    for ours, theirs in (("holm", "holm"), ("bonferroni", "bonferroni"), ("bh", "fdr_bh")):
        case("adjust", "arithmetic", {"p": family, "method": ours},
             adjusted=multitest.multipletests(family, method=theirs)[1])

SAMPLES = [
    ([1.0, 2.0], [1.5, 4.0]),
    ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
    ([1.0, 1.0, 2.0], [1.0, 2.0, 2.0, 3.0]),
    ([0.61, 0.65, 0.64, 0.66], [0.60, 0.65, 0.61]),
    ([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]),
    ([5.0, 5.0, 5.0, 6.0, 7.0, 7.0], [5.0, 6.0, 6.0, 7.0, 8.0]),
    ([0.1, 0.9, 0.4, 0.7, 0.3, 1.2, 0.8], [0.2, 0.5, 1.6, 1.1]),
]
for x, y in SAMPLES:
    for alternative in ALTERNATIVES:
        result = stats.ttest_ind(x, y, equal_var=False, alternative=alternative)
        case("welch_t", "distribution", {"x": x, "y": y, "alternative": alternative},
             statistic=result.statistic, p=result.pvalue)
    interval = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    case("difference_welch", "distribution", {"x": x, "y": y, "level": 0.95},
         value=np.mean(x) - np.mean(y), low=interval.low, high=interval.high)
    pairs = [np.sign(a - b) for a in x for b in y]
    case("cliffs_delta", "exact", {"x": x, "y": y}, value=float(np.mean(pairs)))
    n, m = len(x), len(y)
    pooled = math.sqrt(((n - 1) * np.var(x, ddof=1) + (m - 1) * np.var(y, ddof=1)) / (n + m - 2))
    df = n + m - 2
    j = math.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / math.sqrt(df / 2)
    case("hedges_g_independent", "arithmetic", {"x": x, "y": y},
         value=j * (np.mean(x) - np.mean(y)) / pooled)

for x, y in SAMPLES:
    everything = stats.PermutationMethod(n_resamples=np.inf)
    for alternative in ALTERNATIVES:
        result = stats.mannwhitneyu(x, y, alternative=alternative, method=everything)
        case("mann_whitney", "exact", {"x": x, "y": y, "alternative": alternative},
             statistic=result.statistic, p=result.pvalue)
        result = stats.permutation_test(
            (x, y), lambda a, b: np.mean(a) - np.mean(b), n_resamples=np.inf, alternative=alternative)
        case("permutation", "exact", {"x": x, "y": y, "alternative": alternative}, p=result.pvalue)
    u = stats.mannwhitneyu(x, y).statistic
    case("probability_larger", "arithmetic", {"x": x, "y": y}, value=u / (len(x) * len(y)))
    both = np.concatenate([x, y])
    case("interquartile_mean", "arithmetic", {"x": both.tolist()}, value=stats.trim_mean(both, 0.25))

# Larger samples without ties, where scipy's own exact distribution applies.
rng = np.random.default_rng(1)
for n, m in [(10, 12), (20, 15), (30, 30)]:
    values = rng.permutation(n + m).astype(float).tolist()
    x, y = values[:n], values[n:]
    for alternative in ALTERNATIVES:
        result = stats.mannwhitneyu(x, y, alternative=alternative, method="exact")
        case("mann_whitney", "arithmetic", {"x": x, "y": y, "alternative": alternative},
             statistic=result.statistic, p=result.pvalue)
for n in (25, 50):
    d = (rng.permutation(np.arange(1, n + 1)) * rng.choice([-1, 1], n)).astype(float).tolist()
    result = stats.wilcoxon(d, alternative="greater", method="exact")
    case("signed_rank", "arithmetic", {"d": d, "alternative": "greater"},
         statistic=result.statistic, p=result.pvalue)

for name, d in DIFFERENCES.items():
    kept = [x for x in d if x != 0]
    for alternative in ALTERNATIVES:
        p = stats.binomtest(sum(x > 0 for x in kept), len(kept), 0.5, alternative=alternative).pvalue
        case("sign_test", "arithmetic", {"d": [float(x) for x in d], "alternative": alternative}, p=p)

BLOCKS = [
    [[1.0, 2.0, 3.0], [1.5, 1.0, 2.5], [0.5, 2.0, 4.0]],
    [[1.0, 1.0, 2.0], [2.0, 1.0, 2.0], [3.0, 1.0, 2.0], [1.0, 1.5, 2.0]],
    [[0.9, 0.8, 0.7, 0.6], [0.9, 0.7, 0.8, 0.5], [0.6, 0.8, 0.9, 0.4], [0.9, 0.8, 0.6, 0.7],
     [0.9, 0.8, 0.7, 0.5], [0.5, 0.8, 0.7, 0.6]],
]
for blocks in BLOCKS:
    arms = list(zip(*blocks))
    result = stats.friedmanchisquare(*arms)
    ranks = np.mean([stats.rankdata(block) for block in blocks], axis=0)
    case("friedman", "distribution", {"blocks": blocks},
         statistic=result.statistic, p=result.pvalue, ranks=ranks)
    k, n = len(arms), len(blocks)
    error = math.sqrt(k * (k + 1) / (6 * n))
    case("critical_difference", "quadrature", {"blocks": blocks, "alpha": 0.05},
         value=stats.studentized_range.ppf(0.95, k, np.inf) / math.sqrt(2) * error)
    case("nemenyi", "quadrature", {"blocks": blocks, "first": 0, "second": k - 1},
         value=stats.studentized_range.sf(abs(ranks[0] - ranks[-1]) / error * math.sqrt(2), k, np.inf))

from statsmodels.stats.power import TTestPower

for effect in (0.0, 0.2, 0.5, 1.0, 2.5):
    for n in (2, 3, 5, 10, 30):
        case("power", "quadrature", {"effect": effect, "n": n, "alpha": 0.05},
             value=TTestPower().power(effect, n, 0.05, alternative="two-sided"))
for n in (3, 5, 10, 30):
    # statsmodels' own root finder stops early; its power function is solved more closely here.
    from scipy.optimize import brentq
    solved = brentq(lambda e: TTestPower().power(e, n, 0.05) - 0.8, 1e-6, 4, xtol=1e-13)
    case("minimum_detectable_effect", "quadrature", {"n": n, "alpha": 0.05, "power": 0.8}, value=solved)
for effect in (0.3, 0.8, 1.5, 3.0, 10.0):
    n = 2
    while TTestPower().power(effect, n, 0.05) < 0.8:
        n += 1
    case("seeds_needed", "exact", {"effect": effect, "alpha": 0.05, "power": 0.8}, value=float(n))


def philox(counter, seed):
    """Philox 4x32-10 in plain integers, as Random123 defines it."""
    c, mask = list(counter), 0xFFFFFFFF
    key = [seed & mask, seed >> 32]
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ key[0], b & mask, (a >> 32) ^ c[3] ^ key[1], a & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return c


def resample(values, index, stratum, seed):
    n = len(values)
    drawn = []
    for place in range(n):
        word = philox([index, place // 4, stratum, 0], seed)[place % 4]
        drawn.append(values[(word * n) >> 32])
    return drawn


RESAMPLES = 400
for x in ([0.2, 1.5, 0.9, 2.2, 1.1], [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0],
          [0.61, 0.65, 0.64, 0.66, 0.60, 0.62, 0.69, 0.63, 0.61, 0.64, 0.65, 0.70]):
    replicates = np.array([np.mean(resample(x, i, 0, 7)) for i in range(RESAMPLES)])
    low, high = np.quantile(replicates, [0.025, 0.975])
    inputs = {"x": x, "resamples": RESAMPLES, "seed": 7, "level": 0.95}
    case("bootstrap_percentile", "arithmetic", inputs, low=low, high=high)
    # scipy's own formula on our resamples: percentile of score, jackknife, both ends.
    from scipy.stats._resampling import _bca_interval
    ends = _bca_interval((np.array(x),), np.mean, -1, 0.025, replicates, None, np)[:2]
    low, high = (np.quantile(replicates, float(end)) for end in ends)
    case("bootstrap_bca", "distribution", inputs, low=low, high=high)

TASKS = (
    [[0.6, 0.7, 0.8, 0.75, 0.66], [0.1, 0.4, 0.3, 0.35, 0.2]],
    [[0.5, 0.6, 0.65, 0.62], [0.2, 0.3, 0.1, 0.3, 0.15]],
)
both = [value for task in TASKS[0] for value in task]
iqms = [
    stats.trim_mean([v for s, task in enumerate(TASKS[0]) for v in resample(task, i, s, 3)], 0.25)
    for i in range(RESAMPLES)
]
low, high = np.quantile(iqms, [0.025, 0.975])
case("scores_iqm", "arithmetic", {"x": TASKS[0], "resamples": RESAMPLES, "seed": 3, "level": 0.95},
     value=stats.trim_mean(both, 0.25), low=low, high=high)
thresholds = [0.0, 0.2, 0.3, 0.5, 0.66, 0.9]
case("performance_profile", "arithmetic", {"x": TASKS[0], "thresholds": thresholds},
     profile=[float(np.mean(np.array(both) > tau)) for tau in thresholds])


def improvement(x, y):
    return np.mean([
        stats.mannwhitneyu(a, b, alternative="greater").statistic / (len(a) * len(b))
        for a, b in zip(x, y)
    ])


replicates = [
    improvement([resample(task, i, 2 * s, 3) for s, task in enumerate(TASKS[0])],
                [resample(task, i, 2 * s + 1, 3) for s, task in enumerate(TASKS[1])])
    for i in range(RESAMPLES)
]
low, high = np.quantile(replicates, [0.025, 0.975])
case("probability_of_improvement", "arithmetic",
     {"x": TASKS[0], "y": TASKS[1], "resamples": RESAMPLES, "seed": 3, "level": 0.95},
     value=improvement(*TASKS), low=low, high=high)

document = {
    "made_by": "generate.py",
    "versions": {
        "python": platform.python_version(), "numpy": np.__version__,
        "scipy": scipy.__version__, "statsmodels": statsmodels.__version__,
    },
    "tolerances": TOLERANCES,
    "cases": cases,
}
path = Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(document, indent=1) + "\n")
print(len(cases), "cases")
