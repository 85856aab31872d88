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


def build(example):
    """Builds an example and gives the path of its program."""
    command = ["cargo", "build", "--locked", "--release", "--workspace"]
    command += ["--example", example, "--message-format", "json"]
    lines = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    messages = (json.loads(line) for line in lines.splitlines())
    paths = [message.get("executable") for message in messages]
    return [path for path in paths if path][-1]


def by_turns(ours, peer, key, threads, repeats):
    """Medians of both sides, and the median of the repeats' ratios with their range, as text.

    Each repeat runs both sides one after the other, so that a slow minute of the machine meets
    both.
    """
    lines = [(run(ours, threads)[key], run(peer, threads)[key]) for _ in range(repeats)]
    own, other = (statistics.median(side) for side in zip(*lines))
    ratios = sorted(a / b for a, b in lines)
    middle = statistics.median(ratios)
    return f"{own:15,.1f}  {other:15,.1f}  {middle:5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
