"""Writes random_effects.json: random-effects means by restricted maximum likelihood.

    pip install numpy==2.4.6 scipy==1.17.1
    python random_effects.py

The restricted likelihood is maximized over tau^2 by a bounded search, not by the iteration of the crate.
The BCG trials are those of metafor's dat.bcg, whose `rma(yi, vi)` prints tau^2 0.3132 and -0.7145.
"""

import json
import platform
from pathlib import Path

import numpy as np
import scipy
from scipy import optimize, stats

STUDIES = {
    "bcg": [
        (-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200), (-0.2175, 0.0512),
        (-0.7861, 0.0069), (-1.6209, 0.2230), (0.0120, 0.0040), (-0.4694, 0.0564), (-1.3713, 0.0730),
        (-0.3394, 0.0124), (0.4459, 0.5325), (-0.0173, 0.0714),
    ],
    "alike": [(0.010, 1e-5), (0.011, 2e-5), (0.009, 1.5e-5)],
    "apart": [(0.03, 1e-6), (0.01, 2e-6), (-0.01, 4e-6), (0.02, 1e-6)],
    "two": [(0.1, 0.0004), (0.3, 0.0009)],
}


def fit(studies, level=0.95):
    y, v = (np.array(column) for column in zip(*studies))

    def loss(tau2):
        w = 1 / (v + tau2)
        mean = (w * y).sum() / w.sum()
        return 0.5 * (np.log(v + tau2).sum() + np.log(w.sum()) + (w * (y - mean) ** 2).sum())

    top = 10 * y.var(ddof=1) + 10 * v.max()
    found = optimize.minimize_scalar(loss, bounds=(0, top), method="bounded", options={"xatol": 1e-14 * top, "maxiter": 10_000})
    tau2 = found.x if loss(found.x) < loss(0) else 0.0
    w = 1 / (v + tau2)
    mean = (w * y).sum() / w.sum()
    q = (w * (y - mean) ** 2).sum() / (len(y) - 1)
    half = stats.t.ppf(0.5 + level / 2, len(y) - 1) * np.sqrt(max(q, 1) / w.sum())
    return {"tau": np.sqrt(tau2), "mean": mean, "low": mean - half, "high": mean + half}


cases = []
for name, studies in STUDIES.items():
    values, variances = zip(*studies)
    cases.append({"name": name, "values": values, "variances": variances, **fit(studies)})
versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
text = json.dumps({"versions": versions, "tolerance": 2e-6, "cases": cases}, indent=1)
Path(__file__).with_suffix(".json").write_text(text + "\n")
