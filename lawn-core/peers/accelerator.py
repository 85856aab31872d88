#!/usr/bin/env python3
"""Times CUDA steps of lawn-core beside torch.optim's, on a GPU or the CPU.

    .venv/bin/python lawn-core/peers/accelerator.py [--device cuda|cpu] [--rounds 5] [--threads 1] [--markdown]

The same shapes, f32, one device, one after the other. A time is that of many
steps in a row, from an idle device to an idle device, over their number; the
fastest round counts. lawn-core is timed by its example `accelerator`.
"""

import argparse
import json
import pathlib
import subprocess
import time

import torch

from contenders import TORCH, parameters, table

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = {
    f"torch {name}": TORCH[name]
    for name in ("AdamW fused", "AdamW foreach", "AdamW, tensor by tensor", "SGD foreach")
}
RATIOS = [
    ("AdamW, unchecked", "torch AdamW fused"),
    ("AdamW, unchecked", "torch AdamW foreach"),
    ("AdamW", "torch AdamW foreach"),
    ("Adam-LAWN", "torch AdamW fused"),
    ("Adam-LAWN", "torch AdamW foreach"),
    ("Adam-LAWN", "torch AdamW, tensor by tensor"),
    ("LAMB-LAWN", "torch AdamW fused"),
    ("LAMB-LAWN", "torch AdamW foreach"),
    ("SGD, unchecked", "torch SGD foreach"),
    ("SGD-LAWN", "torch SGD foreach"),
]


def example(*arguments):
    command = ["cargo", "run", "--quiet", "--locked", "--release", "-p", "lawn-core", "--example", "accelerator", "--", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


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


def time_peers(shapes, device, rounds):
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    steps = max(3, min(50, 20_000_000 // elements))
    tensors = parameters(shapes, device)
    return {name: seconds_a_step(make(tensors), device, rounds, steps) for name, make in PEERS.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="libtorch's, for the CPU")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    device = arguments.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        print("no CUDA device here")
        return
    torch.set_num_threads(arguments.threads)
    results = {name: time_peers(shapes, device, arguments.rounds) for name, shapes in json.loads(example("--device", device, "--shapes")).items()}
    lines = example("--json", "--device", device, "--rounds", str(arguments.rounds), "--threads", str(arguments.threads))
    for line in map(json.loads, lines.splitlines()):
        if line["path"] == "cuda":
            results[line["set"]][line["name"]] = line["step"]
            results[line["set"]][f"{line['name']}, host held"] = line["held"]
    where = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"CPU, {arguments.threads} threads"
    print(f"torch {torch.__version__} on {where}, {arguments.rounds} rounds\n\nMilliseconds a step\n")
    names = next(iter(results.values()))
    print(table(["", *results], [[name] + [f"{r[name] * 1e3:.3f}" for r in results.values()] for name in names], arguments.markdown))
    print("\nOurs over theirs\n")
    rows = [[f"{a} / {b}"] + [f"{r[a] / r[b]:.2f}" for r in results.values()] for a, b in RATIOS]
    print(table(["", *results], rows, arguments.markdown))


if __name__ == "__main__":
    main()
