#!/usr/bin/env python3
"""Times steps of lawn-core beside those of its peers, and prints the ratios.

    .venv/bin/python lawn-core/peers/optimizer.py [--threads 2] [--placements 5] [--rounds 3] [--markdown]

The same shapes, f32, the same number of threads, in one run: each round times
a few steps of every contender, one after the other, in an order of its own, so
that whatever else the machine does falls on all of them. A round's time is that
of its fastest step; a ratio is the median of the rounds' ratios, with their
quartiles. Where the arrays lie in physical memory moves a step by several
percent, for as long as they lie there: so everything is allocated anew a few
times, each with rounds of its own. What memory does by itself is measured among
the contenders, so that the bytes that a step moves can be held against it.

lawn-core runs in a process of its own (`lawn-core/benches/serve.rs`), which
sleeps while a peer is timed, as the peers do while it is. Building it is a
step of its own, for a machine that is wanted quiet:

    .venv/bin/python lawn-core/peers/optimizer.py --build        prints the path of the executable
    .venv/bin/python lawn-core/peers/optimizer.py --executable PATH
"""

import argparse
import gc
import json
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

import pytorch_cpr
import pytorch_optimizer
import schedulefree
import timm
import timm.optim
import torch

from contenders import TORCH, parameters, table

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


class Rotational:
    """The rotational variant of Adam, neuron by neuron, as one would write it in PyTorch."""

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, decay=0.1, memory=0.99, centred=False):
        self.parameters, self.centred = list(parameters), centred
        self.lr, self.betas, self.eps, self.decay, self.memory, self.step_count = lr, betas, eps, decay, memory, 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]
        self.radius = [p.detach().flatten(1).norm(dim=1, keepdim=True) if p.dim() > 1 else None for p in self.parameters]
        self.square = [None if r is None else torch.zeros_like(r) for r in self.radius]

    @torch.no_grad()
    def step(self):
        self.step_count += 1
        b1, b2 = self.betas
        c1, c2 = 1 - b1**self.step_count, 1 - b2**self.step_count
        correction = 1 - self.memory**self.step_count
        angle = (2 * self.lr * self.decay) ** 0.5
        for p, m, v, r, q in zip(self.parameters, self.m, self.v, self.radius, self.square):
            m.lerp_(p.grad, 1 - b1)
            v.mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
            d = (m / c1) / ((v / c2).sqrt_().add_(self.eps))
            if r is None:
                p.sub_(d, alpha=self.lr)
                continue
            w, d = p.flatten(1), d.flatten(1)
            if self.centred:
                w.sub_(w.mean(dim=1, keepdim=True))
                d = d - d.mean(dim=1, keepdim=True)
            d = d - ((w * d).sum(dim=1, keepdim=True) / (w * w).sum(dim=1, keepdim=True)) * w
            q.mul_(self.memory).add_((d * d).sum(dim=1, keepdim=True), alpha=1 - self.memory)
            w.sub_(d * (angle * r / ((q / correction).sqrt_().add_(self.eps))))
            w.mul_(r / w.norm(dim=1, keepdim=True))


class Cpr(pytorch_cpr.AdamCPR):
    """Of the matrices, with all tensors of a kind at a time, as it is meant to be used."""

    def _cuda_graph_capture_health_check(self):
        """It calls this, which torch has renamed."""

    def __init__(self, parameters):
        parameters = list(parameters)
        kinds = [
            {"params": [p for p in parameters if (p.dim() > 1) == regularize], "regularize": regularize}
            for regularize in (True, False)
        ]
        kinds = [kind for kind in kinds if kind["params"]]
        super().__init__(kinds, lr=1e-3, kappa_init_method="dependent", kappa_init_param=1.0, foreach=True)


def trained(optimizer):
    """An optimizer of two modes, in that of training."""
    optimizer.train()
    return optimizer


PEERS = {
    **{name: TORCH[name] for name in ("AdamW fused", "AdamW foreach", "SGD fused")},
    "Adagrad fused": lambda p: torch.optim.Adagrad(p, lr=1e-3, fused=True),
    "timm LAMB": lambda p: timm.optim.Lamb(p, lr=1e-3, weight_decay=0.01),
    "timm LARS": lambda p: timm.optim.Lars(p, lr=1e-3, momentum=0.9, weight_decay=0.01),
    "timm AdamP": lambda p: timm.optim.AdamP(p, lr=1e-3),
    "timm SGDP": lambda p: timm.optim.SGDP(p, lr=1e-3, momentum=0.9),
    "timm NAdamW": lambda p: timm.optim.NAdamW(p, lr=1e-3, foreach=True),
    "timm Lion": lambda p: timm.optim.Lion(p, lr=1e-3, weight_decay=0.01, foreach=True),
    "timm Muon": lambda p: timm.optim.Muon(p, lr=1e-3, ns_coefficients="original"),
    "pytorch_optimizer Lion": lambda p: pytorch_optimizer.Lion(p, lr=1e-3, weight_decay=0.01),
    "pytorch_cpr": Cpr,
    "schedulefree": lambda p: trained(schedulefree.AdamWScheduleFree(p, lr=1e-3)),
    "LAWN in PyTorch": lambda p: Lawn(p, lr=1e-3),
    "RV-Adam in PyTorch": Rotational,
    "RV-Adam, centred, in PyTorch": lambda p: Rotational(p, centred=True),
}


def config(rule, constrained, check_finite, decay=0.0, **constraint):
    return {
        **constraint,
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
    "LARS": config({"kind": "lars", "momentum": 0.9}, False, False, 0.01),
    "Adagrad": config({"kind": "adagrad"}, False, False),
    "NAdamW": config({"kind": "nadamw"}, False, False, 0.01),
    "Lion": config({"kind": "lion"}, False, False, 0.01),
    "Lion-LAWN": config({"kind": "lion"}, True, False),
    "AdamP": config({"kind": "adamp"}, False, False),
    "SGDP": config({"kind": "sgdp"}, False, False),
    "Schedule-Free": config({"kind": "schedule_free"}, False, False),
    "Muon": config({"kind": "muon"}, False, False),
    "AdamH": config(ADAM, False, False, hyperball={}),
    "AdamCPR": config(ADAM, False, False, cpr={"bound": {"dependent": 1.0}}),
    "RV-Adam": config(ADAM, False, False, rotational={"decay": 0.1, "centred": False}),
    "RV-Adam, centred": config(ADAM, False, False, rotational={"decay": 0.1, "centred": True}),
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
    ("LARS", "timm LARS"),
    ("Adagrad", "Adagrad fused"),
    ("NAdamW", "timm NAdamW"),
    ("NAdamW", "AdamW fused"),
    ("Lion", "timm Lion"),
    ("Lion", "pytorch_optimizer Lion"),
    ("Lion-LAWN", "timm Lion"),
    ("AdamP", "timm AdamP"),
    ("SGDP", "timm SGDP"),
    ("Schedule-Free", "schedulefree"),
    ("Muon", "timm Muon"),
    ("AdamH", "AdamW fused"),
    ("AdamH", "timm AdamP"),
    ("AdamCPR", "pytorch_cpr"),
    ("RV-Adam", "RV-Adam in PyTorch"),
    ("RV-Adam, centred", "RV-Adam, centred, in PyTorch"),
]

# Bytes that a step reads and writes for each parameter where no cache holds anything; see BENCHMARKS.md.
BYTES = {
    "AdamW": (16, 12),
    "AdamW, checked": (20, 12),
    "Adam-LAWN": (32, 12),
    "Adam-LAWN, checked": (32, 12),
    "SGD": (12, 8),
    "SGD-LAWN": (28, 8),
    "LAMB": (24, 12),
    "LAMB-LAWN": (32, 12),
    "AdamW fused": (16, 12),
    "SGD fused": (12, 8),
    "Adagrad": (12, 8),
    "Adagrad fused": (12, 8),
    "NAdamW": (16, 12),
    "Lion": (12, 8),
    "Lion-LAWN": (32, 8),
    "AdamH": (24, 12),
    "AdamCPR": (24, 12),
    "RV-Adam": (24, 12),
}

# Elements of the tensors whose copy is timed: 128 MiB each, which no cache holds.
COPIED = 1 << 25


def build():
    """Path of lawn-core's executable, built if it is not."""
    command = ["cargo", "build", "--locked", "--release", "--workspace", "--bench", "serve", "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = [json.loads(line) for line in lines]
    return [line["executable"] for line in found if line.get("executable")][-1]


class Server:
    """lawn-core's process."""

    def __init__(self, executable, threads):
        self.process = subprocess.Popen([executable, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.ask(threads=threads) == {"threads": threads}

    def ask(self, **request):
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def status(field):
    """A size in this process's status, in bytes."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field + ":"))


class Peer:
    """One of PyTorch's or timm's."""

    def __init__(self, step):
        self.step = step

    def seconds(self, steps):
        seconds = []
        for _ in range(steps):
            start = time.perf_counter()
            self.step()
            seconds.append(time.perf_counter() - start)
        return seconds

    def extra_bytes(self):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak
        before = status("VmRSS")
        self.step()
        return max(status("VmHWM") - before, 0)


class Ours:
    """One of lawn-core's."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    def seconds(self, steps):
        return self.server.ask(name=self.name, steps=steps)["seconds"]

    def extra_bytes(self):
        return self.server.ask(extra_memory=self.name)["bytes"]


def contenders(server, shapes, wanted):
    """All of a side over the same tensors, so that memory does not decide what can be measured."""
    tensors = parameters(shapes)
    ours = {name: config for name, config in OURS.items() if name in wanted}
    server.ask(configs=ours, shapes=shapes)
    peers = {name: Peer(make(tensors).step) for name, make in PEERS.items() if name in wanted}
    return {**{name: Ours(server, name) for name in ours}, **peers}


def measure(all_contenders, steps, rounds, pause):
    """Each contender's fastest step in each of the rounds, in seconds."""
    fastest = {name: [] for name in all_contenders}
    for round_ in range(-1, rounds):
        for name, contender in random.sample(list(all_contenders.items()), len(all_contenders)):
            # Threads that wait for work by spinning have gone to sleep by then.
            time.sleep(pause)
            seconds = contender.seconds(steps)
            if round_ >= 0:
                fastest[name].append(min(seconds))
    return fastest


def ratio(ours, theirs):
    """Median of the rounds' ratios, with their quartiles."""
    low, median, high = statistics.quantiles([a / b for a, b in zip(ours, theirs)], n=4, method="inclusive")
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def memory():
    """What memory allows by itself: 4 bytes read and 4 written an element, and 4 read."""
    a, b = torch.ones(COPIED), torch.ones(COPIED)
    return {"copy": Peer(lambda: b.copy_(a)), "in place": Peer(lambda: b.mul_(1.0)), "read": Peer(lambda: a.sum())}


def bandwidth(rounds):
    """Bytes a second of each of these."""
    return {name: (4 if name == "read" else 8) * COPIED / statistics.median(rounds[name]) for name in ("copy", "in place", "read")}


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} processors {names[0]}" if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--placements", type=int, default=5, help="how often everything is allocated anew")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each placement, two or more in all")
    parser.add_argument("--pause", type=float, default=0.02, help="seconds between two contenders")
    parser.add_argument("--steps", type=int, help="steps of a round; by default about 20 million elements")
    parser.add_argument("--only", help="tensors whose name contains this")
    parser.add_argument("--contenders", help="names, with semicolons between them; by default all")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--build", action="store_true", help="build lawn-core's executable, print its path, and end")
    parser.add_argument("--executable", help="lawn-core's executable, so that nothing is built")
    arguments = parser.parse_args()
    tensors = {name: shapes for name, shapes in TENSORS.items() if not arguments.only or arguments.only in name}
    if not tensors:
        sys.exit(f"optimizer: no tensors are named like {arguments.only!r}; there are: {', '.join(TENSORS)}")
    names = [*OURS, *PEERS]
    wanted = arguments.contenders.split(";") if arguments.contenders else names
    if unknown := set(wanted) - set(names):
        sys.exit(f"optimizer: no contender is named {unknown.pop()!r}; there are: {'; '.join(names)}")
    executable = arguments.executable or build()
    if arguments.build:
        print(executable)
        return
    if arguments.placements * arguments.rounds < 2:
        sys.exit("optimizer: quartiles need two rounds in all")
    torch.set_num_threads(arguments.threads)
    results, speed, elements, extra = {}, {}, {}, {}
    for name, shapes in tensors.items():
        elements[name] = sum(torch.Size(shape).numel() for shape in shapes)
        steps = arguments.steps or max(3, min(40, 20_000_000 // elements[name]))
        results[name] = {}
        for _ in range(arguments.placements):
            server = Server(executable, arguments.threads)
            all_contenders = contenders(server, shapes, wanted)
            # Memory's own speed changes with what else the machine does: it is measured by turns as well.
            fastest = measure({**memory(), **all_contenders}, steps, arguments.rounds, arguments.pause)
            for contender, seconds in fastest.items():
                results[name].setdefault(contender, []).extend(seconds)
            extra[name] = {name: contender.extra_bytes() for name, contender in all_contenders.items()}
            server.stop()
            del all_contenders
            gc.collect()
        speed[name] = bandwidth(results[name])
    milliseconds = {name: {k: statistics.median(v) * 1e3 for k, v in result.items()} for name, result in results.items()}

    def show(title, rows):
        print(f"\n{title}\n")
        print(table(["", *results], rows, arguments.markdown))

    versions = ", ".join(f"{name} {version(name)}" for name in ["pytorch_optimizer", "schedulefree"])
    rounds = f"{arguments.placements} × {arguments.rounds} rounds"
    print(f"torch {torch.__version__}, timm {timm.__version__}, {versions}, {arguments.threads} threads, {rounds}, {processor()}")
    show("Memory by itself, GB/s, reads and writes counted", [
        [work] + [f"{speed[tensors][work] / 1e9:.1f}" for tensors in results] for work in ("copy", "in place", "read")
    ])
    show("Milliseconds a step", [[name] + [f"{result[name]:.3f}" for result in milliseconds.values()] for name in names if name in wanted])
    show("Ours over theirs, median of the rounds and their quartiles", [
        [f"{ours} / {theirs}"] + [ratio(result[ours], result[theirs]) for result in results.values()]
        for ours, theirs in RATIOS if ours in wanted and theirs in wanted
    ])
    def share(name, count, work):
        return [f"{count * elements[tensors] / result[name] * 1e3 / speed[tensors][work]:.2f}" for tensors, result in milliseconds.items()]

    show("Bytes read if no cache holds anything, a second, over those of reading alone", [
        [f"{name}, {reads} bytes a parameter"] + share(name, reads, "read") for name, (reads, _) in BYTES.items() if name in wanted
    ])
    show("Bytes moved if no cache holds anything, a second, over those of scaling in place", [
        [f"{name}, {reads + writes} bytes a parameter"] + share(name, reads + writes, "in place")
        for name, (reads, writes) in BYTES.items() if name in wanted
    ])
    show("Extra memory of a step at its peak, bytes a parameter", [
        [name] + [f"{extra[tensors][name] / elements[tensors]:.2f}" for tensors in results] for name in names if name in wanted
    ])


if __name__ == "__main__":
    main()
