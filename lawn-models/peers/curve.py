"""The training curve of a residual network beside PyTorch's: the same recipe, images and classes.

    .venv/bin/python lawn-models/peers/curve.py --data-root DIR --data NAME [--out DIR]

`DIR/NAME` is a folder of small images of one size, `train/CLASS/…` and `test/CLASS/…`. The recipe is
He et al.'s (2016, section 4.2) in ten epochs: SGD with momentum, random flips and crops, a
learning rate that rises for a tenth of the steps and falls as a cosine. Our side is `lawn sweep`.
Random numbers are each side's own, so the curves agree as those of two seeds do.

Each curve is kept in the folder of --out as soon as it is whole. A call that was stopped or killed is
gone on with by the same call: whole curves are not trained again, `lawn` goes on from its checkpoint,
and PyTorch begins its curve anew. `curve.md` and `curve.json` there have the means of the seeds by
epoch, and by the rule of `curve_verdict.py` whether the sides are within seed noise.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from curve_verdict import compare, text
from turns import HERE, ROOT, build

NAMES = {"lawn": "lawn", "pytorch": "PyTorch"}
SWEEP = """\
name = "curve"
batch_sizes = [{batch_size}]

[tasks.curve]
kind = "image"
data = {data}
depth = {depth}
channels_last = true
validation_fraction = 0.05
statistics_batch = {batch_size}

[budget]
epochs = {epochs}

[evaluation]
test_curve = true

[arms.sgd]
rule = "sgd"
learning_rate = 0.1
momentum = 0.9
weight_decay = 5e-4
warmup = 0.1
decay = "cosine"

[confirmation]
seeds = [{seed}]

[resources]
threads = {threads}
tensorboard = false
"""


def part(folder, into, images):
    """Links to the first images of each class, as many in all."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    each, rest = divmod(images, len(classes))
    for place, own in enumerate(classes):
        (into / own.name).mkdir(parents=True, exist_ok=True)
        for path in sorted(own.iterdir())[: each + (place < rest)]:
            link = into / own.name / path.name
            if not link.is_symlink():
                link.symlink_to(path)


def write(path, text):
    """The whole file or none of it."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


class Progress:
    """Says each epoch, and how long the rest may take."""

    def __init__(self, whole, epochs):
        self.seconds = {name: [] for name in NAMES}
        self.left = {place: 0 if curve else epochs for place, curve in whole.items()}
        for curve in filter(None, whole.values()):
            self.seconds[curve["framework"]] += curve["seconds"]
        self.epochs = epochs
        self.began = None

    def start(self):
        self.began = time.monotonic()

    def epoch(self, name, seed, line):
        now = time.monotonic()
        self.seconds[name].append(now - self.began)
        self.began = now
        self.left[name, seed] = self.epochs - line["epoch"]
        print(
            f"{NAMES[name]} seed {seed}: epoch {line['epoch']} of {self.epochs}, "
            f"train loss {line['train_loss']:.4f}, test top-1 {line['test_top_1']:.4f}; {self.rest()}",
            file=sys.stderr,
            flush=True,
        )

    def rest(self):
        known = {name: sum(each) / len(each) for name, each in self.seconds.items() if each}
        # A side that has not begun is taken to be as fast as the other.
        either = sum(known.values()) / len(known)
        left = sum(count * known.get(name, either) for (name, _), count in self.left.items())
        return f"about {left / 60:.0f} min left" if left >= 60 else f"about {left:.0f} s left"


def lines_of(command, environment):
    """The lines of a program as it prints them; the call ends where it fails."""
    command = [str(word) for word in command]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, text=True) as process:
        yield from process.stdout
    if process.returncode:
        sys.exit(f"curve: {' '.join(command)} ended with {process.returncode}")


def of_record(record):
    """What is compared of an epoch that `lawn` measured."""
    measured = record["measurements"]
    test = [one for one in measured if (one["split"], one["metric"]) == ("test", "top-1")]
    return {
        "epoch": round(record["epoch"]),
        "train_loss": record["train_loss"],
        "test_top_1": test[0]["value"],
    }


def of_lawn(program, root, seed, out, options, environment):
    """Trains one seed with `lawn`, and gives each epoch."""
    file = out / f"lawn-seed-{seed}.toml"
    # A basic string of TOML is one of JSON.
    values = dict(vars(options), data=json.dumps(options.data), seed=seed)
    write(file, SWEEP.format(**values))
    run = out / f"lawn-seed-{seed}"
    target = [run] if (run / "plan.json").exists() else [file, "--out", run]
    command = [program, "sweep", *target, "--data-root", root, "--json"]
    for line in lines_of(command, environment):
        event = json.loads(line)
        if event["event"] == "trial-evaluated":
            yield of_record(event["record"])
    # What was measured before a stop is not told again.
    (trial,) = json.loads("".join(lines_of([program, "trials", run, "--log", "--json"], environment)))
    if trial["state"] != "ok":
        sys.exit(f"curve: seed {seed} of lawn is {trial['state']}: {trial['detail']}; see {run}")
    yield [of_record(record) for record in trial["records"]]


def of_pytorch(root, seed, options, environment):
    """Trains one seed with PyTorch, and gives each epoch."""
    command = [sys.executable, HERE / "curve_torch.py", "--data-root", root, "--data", options.data]
    command += ["--depth", options.depth, "--epochs", options.epochs]
    command += ["--batch-size", options.batch_size, "--threads", options.threads, "--seed", seed]
    lines = []
    for line in lines_of(command, environment):
        lines.append(json.loads(line))
        yield lines[-1]
    yield lines


def require_same(out, settings):
    """A folder has curves of one recipe."""
    file = out / "settings.json"
    if not file.exists():
        write(file, json.dumps(settings, indent=2) + "\n")
        return
    then = json.loads(file.read_text())
    other = [key for key in settings if then.get(key) != settings[key]]
    if other:
        key = other[0]
        found = f"{key.replace('_', '-')} = {then.get(key)}, and {settings[key]} is asked for"
        print(f"curve: {out} has curves of {found}; give another --out", file=sys.stderr)
        sys.exit(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--program", type=Path, help="the `lawn` command; it is built otherwise")
    parser.add_argument("--out", type=Path, default=Path("runs/curve"), help="runs/curve if left out")
    parser.add_argument("--train-images", type=int, help="the first of each class; all if left out")
    parser.add_argument("--test-images", type=int, help="the first of each class; all if left out")
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=2, help="a side, at least two")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("noise needs two seeds or more")
    root = options.data_root.resolve()
    for split in ["train", "test"]:
        if not (root / options.data / split).is_dir():
            parser.error(f"no {root / options.data / split}")
    if options.program is not None and not options.program.is_file():
        parser.error(f"no {options.program}")

    program = (options.program or Path(build("lawn", "--bin"))).resolve()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    keys = "data train_images test_images depth epochs batch_size threads".split()
    settings = {key: getattr(options, key) for key in keys}
    require_same(out, settings)
    counts = {"train": options.train_images, "test": options.test_images}
    if any(counts.values()):
        for split, count in counts.items():
            whole = root / options.data / split
            part(whole, out / "data" / options.data / split, count or sum(1 for _ in whole.rglob("*.*")))
        root = out / "data"

    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    places = [(name, seed) for seed in range(1, options.seeds + 1) for name in NAMES]
    files = {place: out / "{}-seed-{}.json".format(*place) for place in places}
    whole = {place: json.loads(file.read_text()) if file.exists() else None for place, file in files.items()}
    progress = Progress(whole, options.epochs)
    for name, seed in places:
        if whole[name, seed]:
            print(f"{NAMES[name]} seed {seed}: is there", file=sys.stderr, flush=True)
            continue
        progress.start()
        told = len(progress.seconds[name])
        if name == "lawn":
            epochs = of_lawn(program, root, seed, out, options, environment)
        else:
            epochs = of_pytorch(root, seed, options, environment)
        for found in epochs:
            if isinstance(found, dict):
                progress.epoch(name, seed, found)
        seconds = progress.seconds[name][told:]
        curve = {"framework": name, "seed": seed, "seconds": seconds, "epochs": found}
        write(files[name, seed], json.dumps(curve, indent=2) + "\n")
        whole[name, seed] = curve

    curves = [whole[place] for place in places]
    short = [curve for curve in curves if len(curve["epochs"]) != options.epochs]
    if short:
        sys.exit(f"curve: seed {short[0]['seed']} of {short[0]['framework']} has other epochs than asked for")
    version = "".join(lines_of([program, "--version"], environment)).strip()
    peer = "import torch; print(torch.__version__)"
    torch = "".join(lines_of([sys.executable, "-c", peer], environment)).strip()
    result = {"schema": 1, "settings": settings, "lawn": version, "pytorch": torch}
    result |= compare(curves)
    write(out / "curve.json", json.dumps(result | {"curves": curves}, indent=2) + "\n")
    table = text(result, curves)
    write(out / "curve.md", table)
    print(table, end="")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("curve: stopped; the same call goes on", file=sys.stderr)
        sys.exit(130)
