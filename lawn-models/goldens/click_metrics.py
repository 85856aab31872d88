"""Writes click_metrics.json: what scikit-learn makes of logits and clicks.

    python -m venv /tmp/sklearn && /tmp/sklearn/bin/pip install scikit-learn==1.7.2
    /tmp/sklearn/bin/python lawn-models/goldens/click_metrics.py

Logits are f32, as a net gives them. Probabilities are taken of them in f64. The normalized
entropy is the log-loss over that of the click rate, both by scikit-learn; calibration is the sum of
the probabilities over the number of clicks.
"""

import json
import platform
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import log_loss, roc_auc_score

TOLERANCE = 1e-12  # relative: both sum in f64, in another order


def golden(name, logits, clicks):
    logits = np.asarray(logits, np.float32)
    clicks = np.asarray(clicks)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    loss = log_loss(clicks, p, labels=[0, 1])
    rate = np.full(len(clicks), clicks.mean())
    return {
        "name": name,
        "logits": [float(x) for x in logits],
        "clicks": [int(y) for y in clicks],
        "log_loss": float(loss),
        "auc": float(roc_auc_score(clicks, logits)),
        "normalized_entropy": float(loss / log_loss(clicks, rate, labels=[0, 1])),
        "calibration": float(p.sum() / clicks.sum()),
    }


def main():
    rng = np.random.default_rng(0)
    normal = rng.normal(-1, 1.5, 200)
    drawn = rng.random(200) < 1 / (1 + np.exp(-normal))
    ties = np.round(rng.normal(0, 1, 150) * 2) / 2
    rare = np.zeros(120, int)
    rare[[3, 77]] = 1
    sets = [
        golden("distinct", normal, drawn),
        golden("many ties", ties, rng.random(150) < 0.4),
        golden("all tied", np.full(50, -0.5), rng.random(50) < 0.3),
        golden("two clicks", rng.normal(-4, 0.5, 120), rare),
        golden("clicks are the rule", rng.normal(3, 1, 100), rng.random(100) < 0.9),
        golden("the wrong way round", -normal, drawn),
    ]
    file = {
        "made_by": "lawn-models/goldens/click_metrics.py",
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "tolerance": TOLERANCE,
        "sets": sets,
    }
    path = Path(__file__).parent / "click_metrics.json"
    path.write_text(json.dumps(file, indent=1) + "\n")


if __name__ == "__main__":
    main()
