#!/usr/bin/env python3
"""Times CUDA steps of lawn-core beside torch.optim's, on a GPU or the CPU.

    .venv/bin/python lawn-core/peers/accelerator.py [--device cuda|cpu] [--rounds 5] [--threads 1] [--markdown]

The same shapes, f32, one device, by turns: PyTorch's, ours, PyTorch's again. A time is that of many
steps in a row, from an idle device to an idle device, over their number; the
fastest round counts. Beside PyTorch's stand timm's and schedulefree's, where those packages are installed. lawn-core is timed by its example `accelerator`, which `--executable` names if it
is built already. `--json` prints a line for each result, as soon as it is there.
"""

import argparse
import importlib
import json
import pathlib
import subprocess
import time

import torch

from contenders import TORCH, parameters, table

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = {
    f"torch {name}": TORCH[name]
    for name in ("AdamW fused", "AdamW foreach", "AdamW, tensor by tensor", "SGD fused", "SGD foreach")
}
PEERS["torch NAdamW foreach"] = lambda p: torch.optim.NAdam(p, lr=1e-3, weight_decay=0.01, decoupled_weight_decay=True, foreach=True)


def installed(package):
    """A package, if it is there: a machine with a GPU may have PyTorch alone."""
    try:
        return importlib.import_module(package)
    except ImportError:
        return None


def trained(optimizer):
    """An optimizer of two modes, in that of training."""
    optimizer.train()
    return optimizer


if timm := installed("timm.optim"):
    PEERS["timm NAdamW foreach"] = lambda p: timm.NAdamW(p, lr=1e-3, weight_decay=0.01, foreach=True)
    PEERS["timm Lion foreach"] = lambda p: timm.Lion(p, lr=1e-3, weight_decay=0.01, foreach=True)
    PEERS["timm AdamP"] = lambda p: timm.AdamP(p, lr=1e-3, weight_decay=0.01)
if schedulefree := installed("schedulefree"):
    PEERS["schedulefree AdamW foreach"] = lambda p: trained(schedulefree.AdamWScheduleFree(p, lr=1e-3, weight_decay=0.01, foreach=True))

RATIOS = [
    ("AdamW, unchecked", "torch AdamW fused"),
    ("AdamW, unchecked", "torch AdamW foreach"),
    ("AdamW", "torch AdamW foreach"),
    ("Adam-LAWN", "torch AdamW fused"),
    ("Adam-LAWN", "torch AdamW foreach"),
    ("Adam-LAWN", "torch AdamW, tensor by tensor"),
    ("LAMB, unchecked", "torch AdamW fused"),
    ("LAMB-LAWN", "torch AdamW fused"),
    ("LAMB-LAWN", "torch AdamW foreach"),
    ("SGD, unchecked", "torch SGD fused"),
    ("SGD, unchecked", "torch SGD foreach"),
    ("SGD-LAWN", "torch SGD foreach"),
    ("NAdamW, unchecked", "torch NAdamW foreach"),
    ("NAdamW, unchecked", "timm NAdamW foreach"),
    ("Lion, unchecked", "timm Lion foreach"),
    ("AdamP, unchecked", "timm AdamP"),
    ("Schedule-Free, unchecked", "schedulefree AdamW foreach"),
]


CARGO = ["cargo", "run", "--quiet", "--locked", "--release", "-p", "lawn-core", "--example", "accelerator", "--"]


def lines(command):
    """The lines of a program, as it prints them."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(f"accelerator: {command[0]} ended with {process.returncode}")


def seconds_a_step(optimizer, device, rounds, steps):
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    times = []
    for _ in range(rounds + 1):
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            optimizer.step()
        wait()
        times.append((time.perf_counter() - start) / steps)
    return min(times[1:])


def time_peers(sets, device, rounds):
    for name, shapes in sets.items():
        elements = sum(torch.Size(shape).numel() for shape in shapes)
        steps = max(3, min(50, 20_000_000 // elements))
        tensors = parameters(shapes, device)
        for peer, make in PEERS.items():
            yield {"set": name, "name": peer, "step": seconds_a_step(make(tensors), device, rounds, steps)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="libtorch's, for the CPU")
    parser.add_argument("--executable", help="the example `accelerator`, so that nothing is built")
    parser.add_argument("--only", help="tensors whose name contains this")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = arguments.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        print("no CUDA device here")
        return
    torch.set_num_threads(arguments.threads)
    example = [arguments.executable] if arguments.executable else CARGO
    only = ["--only", arguments.only] if arguments.only else []
    (sets,) = lines([*example, "--device", device, *only, "--shapes"])
    ours = [*example, *only, "--json", "--alone", "--device", device, "--rounds", str(arguments.rounds), "--threads", str(arguments.threads)]
    half = max(1, arguments.rounds // 2)
    results, held = {}, {}
    for turn in (time_peers(sets, device, half), lines(ours), time_peers(sets, device, half)):
        for line in turn:
            times = results.setdefault(line["set"], {})
            times[line["name"]] = line["step"] = min(line["step"], times.get(line["name"], float("inf")))
            if "held" in line:
                held.setdefault(line["set"], {})[line["name"]] = line["held"]
            if arguments.json:
                print(json.dumps(line, ensure_ascii=False), flush=True)
    if arguments.json:
        return
    for name, times in held.items():
        results[name].update({f"{one}, host held": seconds for one, seconds in times.items()})
    where = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"CPU, {arguments.threads} threads"
    print(f"torch {torch.__version__} on {where}, {arguments.rounds} rounds\n\nMilliseconds a step\n")
    names = next(iter(results.values()))
    print(table(["", *results], [[name] + [f"{r[name] * 1e3:.3f}" for r in results.values()] for name in names], arguments.markdown))
    print("\nOurs over theirs\n")
    ratios = [(a, b) for a, b in RATIOS if b in PEERS]
    rows = [[f"{a} / {b}"] + [f"{r[a] / r[b]:.2f}" for r in results.values()] for a, b in ratios]
    print(table(["", *results], rows, arguments.markdown))


if __name__ == "__main__":
    main()
