#!/usr/bin/env python3
"""Times lawn-analysis beside rliable on the same scores, and prints the ratios.

    .venv-analysis/bin/python lawn-analysis/peers/aggregates.py [--resamples 2000] [--rounds 3]

The work is rliable's own: the interquartile mean with its stratified bootstrap
interval, and the probability of improvement with its, of two arms over 26 tasks
of 10 runs. Both take one thread and the same number of resamples, by turns in
one run; what is compared is the fastest round of each. The estimates must agree
to rounding, the ends of the intervals to what the randomness of resampling
allows.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

# numpy reads these when it is imported: one thread each is what is compared.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
# rliable hands arch its generator in a way that arch means to drop.
warnings.filterwarnings("ignore", category=FutureWarning)
from rliable import library, metrics

ROOT = pathlib.Path(__file__).resolve().parents[2]
TASKS, RUNS = 26, 10
# Ends of an interval from B resamples vary by about √(p(1 − p)/B)/f of its own width.
END_TOLERANCE = 0.1


def scores(seed):
    rng = np.random.default_rng(seed)
    difficulty = rng.uniform(0.3, 1.5, TASKS)
    base = difficulty + rng.normal(0.0, 0.15, (RUNS, TASKS))
    better = difficulty + 0.05 + rng.normal(0.0, 0.15, (RUNS, TASKS))
    return {"base": base, "lawn": better}


def theirs(arms, resamples):
    """rliable's estimates and seconds, by statistic."""
    found = {}
    start = time.perf_counter()
    point, interval = library.get_interval_estimates(
        {"lawn": arms["lawn"]},
        lambda x: np.array([metrics.aggregate_iqm(x)]),
        reps=resamples,
        random_state=np.random.RandomState(0),
    )
    found["interquartile_mean"] = {
        "value": float(point["lawn"][0]),
        "low": float(interval["lawn"][0][0]),
        "high": float(interval["lawn"][1][0]),
        "seconds": time.perf_counter() - start,
    }
    start = time.perf_counter()
    point, interval = library.get_interval_estimates(
        {"lawn,base": (arms["lawn"], arms["base"])},
        metrics.probability_of_improvement,
        reps=resamples,
        random_state=np.random.RandomState(0),
    )
    found["probability_of_improvement"] = {
        "value": float(np.ravel(point["lawn,base"])[0]),
        "low": float(np.ravel(interval["lawn,base"])[0]),
        "high": float(np.ravel(interval["lawn,base"])[1]),
        "seconds": time.perf_counter() - start,
    }
    return found


def ours(program, path, resamples):
    done = subprocess.run(
        [program, path, str(resamples)], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--resamples", type=int, default=2000, help="resamples of each (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, by turns (default 3)")
    parser.add_argument("--program", type=pathlib.Path, help="the built example `aggregates`")
    arguments = parser.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program = arguments.program or target / "release" / "examples" / "aggregates"
    arms = scores(seed=0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "scores.json"
        # A list of runs a task, as lawn-analysis takes them.
        path.write_text(json.dumps({name: x.T.tolist() for name, x in arms.items()}))
        rounds = [
            (theirs(arms, arguments.resamples), ours(program, path, arguments.resamples))
            for _ in range(arguments.rounds)
        ]
    print(
        f"rliable {importlib.metadata.version('rliable')}, numpy {np.__version__}; "
        f"{TASKS} tasks of {RUNS} runs, {arguments.resamples} resamples, one thread, "
        f"fastest of {arguments.rounds} rounds by turns"
    )
    agree = True
    for name in ("interquartile_mean", "probability_of_improvement"):
        peer, own = rounds[0][0][name], rounds[0][1][name]
        width = peer["high"] - peer["low"]
        same = abs(peer["value"] - own["value"]) < 1e-12
        close = max(abs(peer[end] - own[end]) for end in ("low", "high")) < END_TOLERANCE * width
        agree &= same and close
        fastest = [min(found[name]["seconds"] for found in side) for side in zip(*rounds)]
        print(f"\n{name}")
        for label, found, seconds in (("rliable", peer, fastest[0]), ("lawn", own, fastest[1])):
            print(
                f"  {label:<8} {found['value']:.6f} [{found['low']:.6f} {found['high']:.6f}]"
                f"  {seconds:.4f} s"
            )
        print(f"  estimates {'agree' if same else 'DIFFER'}, intervals {'agree' if close else 'DIFFER'}")
        print(f"  ratio    {fastest[0] / fastest[1]:.0f}")
    if not agree:
        sys.exit("the two do not agree")


main()
