#!/usr/bin/env python3
"""Times steps of lawn-core beside those of its peers, and prints the ratios.

    .venv/bin/python lawn-core/peers/optimizer.py [--threads 2] [--rounds 15] [--markdown]

The same shapes, f32, the same number of threads, in one run: each round times
a few steps of every contender, one after the other, so that whatever else the
machine does falls on all of them. What is compared is the median over the
rounds of each round's fastest step.

lawn-core runs in a process of its own (`cargo bench --bench serve`), which
sleeps while a peer is timed, as the peers do while it is.
"""

import argparse
import gc
import json
import pathlib
import statistics
import subprocess
import time

import timm
import timm.optim
import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]


def resnet50():
    return [tuple(p.shape) for p in timm.create_model("resnet50").parameters()]


def neumf():
    tables = [(users_or_items, width) for width in (8, 32) for users_or_items in (6040, 3706)]
    layers = [shape for m, n in ((64, 32), (32, 16), (16, 8)) for shape in ((n, m), (n,))]
    return tables + layers + [(1, 16), (1,)]


TENSORS = {
    "ResNet-50, 161 (25.6M)": resnet50(),
    "NeuMF, 12 (0.39M)": neumf(),
    "300 × 4096": [(64, 64)] * 300,
    "one of 33.5M": [(4096, 8192)],
}


class Lawn:
    """Adam under LAWN as one would write it in PyTorch."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.parameters = list(parameters)
        self.lr, self.betas, self.eps, self.step_count = lr, betas, eps, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]
        self.radius = [p.detach().norm() if p.dim() > 1 else None for p in self.parameters]

    @torch.no_grad()
    def step(self):
        self.step_count += 1
        b1, b2 = self.betas
        c1, c2 = 1 - b1**self.step_count, 1 - b2**self.step_count
        for w, m, v, r in zip(self.parameters, self.m, self.v, self.radius):
            g = w.grad
            if r is not None:
                ww = (w * w).sum()
                g = g - ((w * g).sum() / ww) * w
            m.lerp_(g, 1 - b1)
            v.mul_(b2).addcmul_(g, g, value=1 - b2)
            d = (m / c1) / ((v / c2).sqrt_().add_(self.eps))
            if r is not None:
                d = d - ((w * d).sum() / ww) * w
            w.sub_(d, alpha=self.lr)
            if r is not None:
                w.mul_(r / w.norm())


PEERS = {
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=1e-3, fused=True),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-3, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True),
    "timm LAMB": lambda p: timm.optim.Lamb(p, lr=1e-3, weight_decay=0.01),
    "timm AdamP": lambda p: timm.optim.AdamP(p, lr=1e-3),
    "LAWN in PyTorch": lambda p: Lawn(p, lr=1e-3),
}


def config(rule, constrained, check_finite, decay=0.0):
    return {
        "rule": rule,
        "schedule": {"kind": "constant", "from": 1e-3},
        "decay": {"kind": "decoupled", "rate": decay},
        "lawn": {"free_steps": 0, "scope": "all-weights"} if constrained else None,
        "check_finite": check_finite,
    }


ADAM = {"kind": "adam"}
SGD = {"kind": "sgd", "momentum": 0.9}
LAMB = {"kind": "lamb"}
OURS = {
    # PyTorch's optimizers do not look whether gradients are finite.
    "AdamW": config(ADAM, False, False, 0.01),
    "AdamW, checked": config(ADAM, False, True, 0.01),
    "Adam-LAWN": config(ADAM, True, False),
    "Adam-LAWN, checked": config(ADAM, True, True),
    "SGD": config(SGD, False, False),
    "SGD-LAWN": config(SGD, True, False),
    "LAMB": config(LAMB, False, False, 0.01),
    "LAMB-LAWN": config(LAMB, True, False),
}

# What is divided by what.
RATIOS = [
    ("AdamW", "AdamW fused"),
    ("AdamW", "AdamW foreach"),
    ("AdamW, checked", "AdamW fused"),
    ("Adam-LAWN", "AdamW fused"),
    ("Adam-LAWN", "timm AdamP"),
    ("Adam-LAWN", "LAWN in PyTorch"),
    ("Adam-LAWN, checked", "AdamW fused"),
    ("SGD", "SGD fused"),
    ("SGD-LAWN", "SGD fused"),
    ("LAMB", "timm LAMB"),
    ("LAMB-LAWN", "timm LAMB"),
]


class Server:
    """lawn-core's process."""

    def __init__(self, threads):
        build = ["cargo", "bench", "-p", "lawn-core", "--bench", "serve", "--no-run", "--message-format", "json"]
        lines = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        found = [json.loads(line) for line in lines]
        executable = [line["executable"] for line in found if line.get("executable")][-1]
        self.process = subprocess.Popen([executable, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.ask(threads=threads) == {"threads": threads}

    def ask(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def prepare(shapes):
    """All peers over the same tensors, so that memory does not decide what can be measured."""
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn(p.shape) * 0.01
    return {name: make(parameters) for name, make in PEERS.items()}


def time_peer(optimizer, steps):
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def measure(server, shapes, rounds, pause, steps=None):
    """Median over the rounds of each contender's fastest step, in seconds."""
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    steps = steps or max(3, min(40, 20_000_000 // elements))
    peers = prepare(shapes)
    server.ask(configs=OURS, shapes=shapes)
    fastest = {name: [] for name in [*PEERS, *OURS]}
    for round_ in range(-1, rounds):
        for name in fastest:
            # Threads that wait for work by spinning have gone to sleep by then.
            time.sleep(pause)
            if name in peers:
                seconds = time_peer(peers[name], steps)
            else:
                seconds = server.ask(name=name, steps=steps)["seconds"]
            if round_ >= 0:
                fastest[name].append(min(seconds))
    del peers
    gc.collect()
    return {name: statistics.median(times) for name, times in fastest.items()}


def table(head, rows, markdown):
    rows = [head, *rows]
    if markdown:
        rows.insert(1, ["---"] + ["---:"] * (len(head) - 1))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two contenders")
    parser.add_argument("--steps", type=int, help="steps of a round; by default about 20 million elements")
    parser.add_argument("--only", help="tensors whose name contains this")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    server = Server(arguments.threads)
    tensors = {name: shapes for name, shapes in TENSORS.items() if not arguments.only or arguments.only in name}
    results = {name: measure(server, shapes, arguments.rounds, arguments.pause, arguments.steps) for name, shapes in tensors.items()}
    print(f"torch {torch.__version__}, timm {timm.__version__}, {arguments.threads} threads, {arguments.rounds} rounds\n")
    print("Milliseconds a step\n")
    rows = [[name] + [f"{result[name] * 1e3:.3f}" for result in results.values()] for name in [*OURS, *PEERS]]
    print(table(["", *results], rows, arguments.markdown))
    print("\nOurs over theirs\n")
    rows = [
        [f"{ours} / {theirs}"] + [f"{result[ours] / result[theirs]:.2f}" for result in results.values()]
        for ours, theirs in RATIOS
    ]
    print(table(["", *results], rows, arguments.markdown))


if __name__ == "__main__":
    main()
