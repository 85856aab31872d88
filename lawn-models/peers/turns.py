"""Runs a program of ours and a peer's by turns, on the same cores."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def run(command, threads):
    """The JSON in the last line of what a program prints, bound to as many cores as threads."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < threads:
        sys.exit(f"{threads} threads need as many cores, {len(cores)} are there")
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    result = subprocess.run(
        [str(word) for word in command],
        check=True,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores[:threads]),
    )
    return json.loads(result.stdout.splitlines()[-1])


def build(name, kind="--example"):
    """Builds an example, or with `--bin` a command, and gives the path of its program."""
    command = ["cargo", "build", "--locked", "--release", "--workspace"]
    command += [kind, name, "--message-format", "json"]
    lines = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    messages = (json.loads(line) for line in lines.splitlines())
    paths = [message.get("executable") for message in messages]
    return [path for path in paths if path][-1]


def by_turns(ours, peer, key, threads, repeats, bound=None):
    """Medians of both sides, and the median of the repeats' ratios with their range, as text.

    Each repeat runs both sides one after the other, so that a slow minute of the machine meets
    both. `bound` is the key of what the peer reaches with a part of its step alone: the ratio that
    nobody can pass who takes that part as the peer does.
    """
    pairs = [(run(ours, threads), run(peer, threads)) for _ in range(repeats)]
    own, other = (statistics.median(side[key] for side in sides) for sides in zip(*pairs))
    ratios = sorted(a[key] / b[key] for a, b in pairs)
    middle = statistics.median(ratios)
    text = f"{own:15,.1f}  {other:15,.1f}  {middle:5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    if bound is not None:
        text += f"  {statistics.median(b[bound] / b[key] for _, b in pairs):5.2f}"
    return text
