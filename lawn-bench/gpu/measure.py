#!/usr/bin/env python3
"""Checks and times everything on a GPU in under five minutes, and writes GPU.md.

    just gpu [--movielens DIR]                  in this repository
    bash run.sh [--movielens DIR]               where `just gpu-bundle` was unpacked

Conformance of the kernels, trials repeated, killed, resumed and cut into micro-batches, memory that
runs out, a trial of two ranks where there are two GPUs, steps of the optimizers and training beside
PyTorch by turns. Each part has a time box of its own: one that fails is noted, and the others go on.
GPU.md is written anew with each result, and each is a line of GPU.jsonl. With --cpu all of it runs on
the CPU with small sizes, to try the script.
"""

import argparse
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import checks
import speed
from page import page
from programs import Box, Failure, Programs, last_object, run
from targets import targets

# Seconds of all parts together.
LIMIT = 285
# The parts in their order, with the seconds that each may take. Those of one row run at once: nothing
# is timed in them.
PARTS = [
    [("machine", 40)],
    [("conformance", 100), ("same bits", 100), ("memory", 60), ("doctor", 30), ("ranks", 60)],
    [("beginning", 40)],
    [("optimizer", 60)],
    [("training", LIMIT)],
]


class Setting:
    """What is measured, and with what."""

    def __init__(self, options):
        self.small = options.cpu
        self.device = "cpu" if options.cpu else options.device
        self.index = None if options.cpu else int((self.device.split(":") + ["0"])[1])
        self.programs = Programs(options.programs, options.python)
        self.movielens = options.movielens and options.movielens.resolve()
        self.threads = 1 if options.cpu else min(len(os.sched_getaffinity(0)), 16)
        self.rounds = 1 if options.cpu else 5
        # Trials that are checked at once.
        self.at_once = 1 if options.cpu else 4
        # Bytes of the device, once it is known.
        self.memory = 0
        # Devices, once they are known.
        self.cards = 0


class Results:
    """What is known so far, in two files that are always whole."""

    def __init__(self, out, command):
        self.page, self.lines, self.command = out, out.with_suffix(".jsonl"), command
        self.all, self.lock, self.begun = [], threading.Lock(), time.monotonic()
        self.lines.write_text("")

    def add(self, result):
        with self.lock:
            self.all.append(result)
            with open(self.lines, "a") as file:
                file.write(json.dumps(result, ensure_ascii=False) + "\n")
            new = self.page.with_name(self.page.name + ".new")
            new.write_text(page(self.all, self.command))
            os.replace(new, self.page)


def machine(setting, box):
    """The device, which all other parts need."""
    script = setting.programs.script("lawn-bench/gpu/machine.py", setting.device)
    found = last_object(run(script, box))
    setting.memory, setting.cards = found["memory"], found.get("cards", 1)
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    cores = len(os.sched_getaffinity(0))
    yield {"kind": "machine", **found, "is_dry": setting.small, "cores": cores, "when": when}


def doctor(setting, box):
    """What `lawn doctor` says."""
    for line in run(setting.programs.own("lawn", "doctor"), box, codes=range(4)):
        yield {"kind": "doctor", "line": line}


WORK = {
    "machine": machine,
    "doctor": doctor,
    "conformance": checks.conformance,
    "same bits": checks.same,
    "memory": checks.scarce,
    "ranks": checks.ranked,
    "beginning": speed.beginning,
    "optimizer": speed.optimizer,
    "training": speed.training,
}


def take(name, setting, box, results):
    """One part. Whatever goes wrong in it is a result of its own."""
    started, says = time.monotonic(), "ended"
    try:
        for result in WORK[name](setting, box):
            results.add(result)
            tell(result)
    except Failure as failure:
        says = f"FAILED: {failure}"
    except Exception as error:  # A fault of a part must not cost the others.
        says = f"FAILED: {type(error).__name__}: {error}"
    now = time.monotonic()
    part = {"kind": "part", "name": name, "seconds": now - started, "at": now - results.begun}
    results.add({**part, "says": says})
    print(f"{name}: {says}", flush=True)
    return says == "ended"


def tell(result):
    if result["kind"] == "doctor":
        return
    words = [f"{key} {value}" for key, value in result.items() if key not in ("kind", "apart")]
    print("  " + "; ".join(words), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, required=True, help="folder of lawn's compiled programs")
    parser.add_argument("--python", default=sys.executable, help="a Python that has torch 2.11")
    parser.add_argument("--device", default="cuda:0", help="cuda:N")
    parser.add_argument("--movielens", type=Path, help="folder that has ml-1m.train.rating; generated data if left out")
    parser.add_argument("--out", type=Path, default=Path("GPU.md"))
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of all parts together")
    parser.add_argument("--only", nargs="+", choices=WORK, help="parts to take, besides the machine")
    parser.add_argument("--cpu", action="store_true", help="a dry run on the CPU, of small sizes")
    options = parser.parse_args()
    # Programs run elsewhere.
    results = Results(options.out.resolve(), " ".join(["measure.py", *sys.argv[1:]]))
    setting, whole = Setting(options), Box(options.limit)
    ended = True
    for row in PARTS:
        wanted = [part for part in row if not options.only or part[0] in ("machine", *options.only)]
        with ThreadPoolExecutor(len(row)) as threads:
            taken = [
                threads.submit(take, name, setting, Box(seconds, whole), results)
                for name, seconds in wanted
            ]
            ended &= all(one.result() for one in taken)
        if not results.all[0]["kind"] == "machine":
            break
    rows = list(targets(results.all))
    missed = [what for what, _, _, is_met in rows if is_met is False]
    print(f"{results.page}: {sum(row[3] is True for row in rows)} of {len(rows)} targets met", end="")
    print(f"; MISSED: {'; '.join(missed)}" if missed else "")
    # Speed is no failure; what must hold is.
    broken = [one for one in results.all if one["kind"] == "check" and one["holds"] is False]
    sys.exit(1 if broken or not ended else 0)


if __name__ == "__main__":
    main()
