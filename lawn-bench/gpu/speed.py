"""What is timed on a device, ours beside PyTorch's, by turns in one run.

Each part is a generator of results; what it has given is kept, whatever comes after.
"""

import math
import tempfile
import time
from pathlib import Path

from programs import Box, Failure, last_object, objects, run
from targets import SAME_BITS as TIMED_SAME

# Users, items and interactions of MovieLens-1M less what is held out for the test.
MOVIELENS = 6_040, 3_706, 994_169
SMALL = 120, 300, 6_000


def optimizer(setting, box):
    """Steps of the optimizers over the tensors of models, in seconds, and how long the host is held."""
    script = setting.programs.script("lawn-core/peers/accelerator.py")
    script += ["--device", setting.device, "--json", "--rounds", "1" if setting.small else "5"]
    script += ["--threads", str(setting.threads)]
    script += ["--only", "NeuMF"] if setting.small else []
    script += ["--executable", *setting.programs.own("accelerator")]
    try:
        lines = run(script, box)
    except Failure as failure:
        yield from steps(failure.lines)
        raise
    yield from steps(lines)


def steps(lines):
    for line in objects(lines):
        yield {"kind": "step", **line}


def movielens(folder, root, small):
    """Where train and test files of MovieLens-1M's format lie, and what they are called."""
    if folder is not None:
        for place in (folder / "ml-1m", folder):
            if (place / "ml-1m.train.rating").exists():
                return folder, place / "ml-1m.train.rating", "MovieLens-1M"
        raise Failure(f"{folder} has no ml-1m/ml-1m.train.rating")
    return root, generated(root, *(SMALL if small else MOVIELENS)), "generated, in MovieLens-1M's sizes"


def generated(root, users, items, pairs):
    """Interactions spread over all items, in the format of He et al."""
    train = root / "ml-1m.train.rating"
    each, more = divmod(pairs, users)
    with open(train, "w") as file, open(root / "ml-1m.test.rating", "w") as test, open(
        root / "ml-1m.test.negative", "w"
    ) as negative:
        for user in range(users):
            count = each + (user < more)
            # A walk through all items by a step that has no divisor in common with their number.
            step = 1 + 2 * (user % 977)
            while math.gcd(step, items) > 1:
                step += 2
            place, seen = user * 7919, []
            for _ in range(min(count + 100, items)):
                seen.append(place % items)
                place += step
            known, held, others = seen[: count - 1], seen[count - 1], seen[count:]
            file.write("".join(f"{user}\t{item}\t1\t0\n" for item in [*known, held]))
            test.write(f"{user}\t{others[0]}\t1\t0\n")
            rest = "\t".join(str(item) for item in others[1:])
            negative.write(f"({user},{others[0]})\t{rest}\n")
    return train


class Race:
    """Ours and a peer's doing the same, by turns."""

    def __init__(self, net, batch, ours, theirs, key):
        self.net, self.batch, self.ours, self.theirs, self.key = net, batch, ours, theirs, key
        # Why ours goes without graphs.
        self.says = ""

    def turn(self, box):
        result = {"kind": "race", "net": self.net, "batch": self.batch}
        for side in ("ours", "theirs"):
            told = last_object(self.side(side, box))
            result[side] = told[self.key]
            result[f"{side} is"] = told["implementation"]
            if told.get("not_captured"):
                self.says = f"without graphs: {told['not_captured']}"
            if side == "ours":
                result |= {key: told[key] for key in ("host_seconds", "graphs") if told.get(key) is not None}
        return {**result, "says": self.says}

    def side(self, side, box):
        # One side that hangs leaves time for the next race.
        command, own = getattr(self, side), Box(60, box)
        if side == "theirs" or self.says:
            return run(command, own)
        try:
            return run(command, own)
        except Failure as failure:
            if "--cuda" not in command or box.left() < 5:
                raise
            self.ours, self.says = [*command, EAGER], f"without graphs: {failure}"
            return run(self.ours, Box(60, box))

    def once_more(self, kind, option, box):
        """Ours once more, another way."""
        told = last_object(run([*self.ours, option], Box(60, box)))
        result = {"kind": kind, "net": self.net, "batch": self.batch, kind: told[self.key]}
        return {**result, "host_seconds": told.get("host_seconds")}


# With it our programs launch operations one by one.
EAGER = "--no-graphs"
# With it they take operations that give the same bits each time.
SAME_BITS = "--deterministic"


def races(setting, data):
    """What is timed. `data` are the root, the train file and the name of MovieLens' data."""
    small, programs = setting.small, setting.programs
    at = [] if setting.index is None else ["--cuda", setting.index]
    threads = ["--threads", setting.threads]

    def of(program, script, same, key):
        ours = programs.own(program, *same, *threads, *at)
        return ours, programs.script(f"lawn-models/peers/{script}", *same, *threads, *at), key

    # The target's races come first in each round.
    if data is not None:
        root, train, name = data
        for batch, epochs in [(500, 1)] if small else [(10_000, 1), (100_000, 3), (1_000_000, 8)]:
            same = [*threads, "--batch-size", batch, "--epochs", epochs]
            ours = programs.own("neumf_throughput", "--data-root", root, *same, *at)
            there = ["--device", setting.device]
            theirs = programs.script("lawn-models/peers/neumf.py", "--data", train, *same, *there)
            yield Race(f"NeuMF-8, {name}", batch, ours, theirs, "samples_per_second")
    image = ["--model", "resnet_cifar", "--image-size", 32, "--classes", 10]
    for batch in [16] if small else [128, 1_024]:
        same = [*image, "--batch-size", batch, "--steps", 1 if small else 100, "--warm-up", 1 if small else 20]
        yield Race("ResNet-20, 32 × 32", batch, *of("vision_throughput", "vision_torch.py", same, "images_per_second"))
    for batch in [16] if small else [128, 1_024]:
        same = ["--trial", *image, "--batch-size", batch, "--images", 160 if small else 12_800]
        same += ["--epochs", 1 if small else 3]
        found = of("vision_throughput", "vision_torch.py", same, "images_per_second")
        yield Race("Trial of ResNet-20, cropped and flipped", batch, *found)
    half = ["--precision", "bf16", "--channels-last"]
    for batch in [] if small else [512, 2_048]:
        same = ["--model", "resnet18_cifar", "--image-size", 32, "--classes", 10, "--batch-size", batch]
        same += ["--steps", 40, "--warm-up", 10, *half]
        found = of("vision_throughput", "vision_torch.py", same, "images_per_second")
        yield Race("ResNet-18, 32 × 32, bf16", batch, *found)
    if not small:
        for net, model, rule in [("ResNet-50", "resnet50", "sgd"), ("ViT-S/16", "vit_s_16", "adamw")]:
            same = ["--model", model, "--image-size", 224, "--classes", 1000, "--batch-size", 256]
            same += ["--steps", 20, "--warm-up", 5, "--rule", rule, *half]
            found = of("vision_throughput", "vision_torch.py", same, "images_per_second")
            yield Race(f"{net}, 224 × 224, bf16", 256, *found)
    batch = 512 if small else 262_144
    same = ["--model", "dlrm_small", "--batch-size", batch, "--seconds", 0.1 if small else 2]
    same += ["--rows", 1 << 10 if small else 1 << 22]
    found = of("recommender_throughput", "recommender_torch.py", same, "samples_per_second")
    yield Race("DLRM-small", batch, *found)


def once_more(races, kind, option, box, troubles):
    """Ours another way, without a peer."""
    for race in races:
        if box.left() < 5:
            break
        try:
            yield race.once_more(kind, option, box)
        except (Failure, KeyError) as failure:
            troubles.append(f"{race.net} at {race.batch}, {option}: {failure}")


def is_timed_same(race):
    """Whether what the same bits each time cost is a target of it."""
    return any(race.net.startswith(net) and race.batch == batch for net, batch in TIMED_SAME)


def training(setting, box):
    """Samples a second of training, ours and PyTorch's by turns, for as many rounds as there is time."""
    with tempfile.TemporaryDirectory() as folder:
        troubles = []
        try:
            data = movielens(setting.movielens, Path(folder), setting.small)
        except (Failure, OSError) as failure:
            data, troubles = None, [f"NeuMF: {failure}"]
        waiting = list(races(setting, data))
        for number in range(setting.rounds):
            for race in list(waiting):
                if box.left() < 5:
                    troubles.append("there was no time for more")
                    break
                try:
                    yield {**race.turn(box), "round": number}
                except (Failure, KeyError) as failure:
                    # It would fail again.
                    waiting.remove(race)
                    troubles.append(f"{race.net} at {race.batch}: {failure}")
                    continue
                if number == 0 and setting.index is not None and is_timed_same(race):
                    yield from once_more([race], "same bits", SAME_BITS, box, troubles)
            if number == 0 and setting.index is not None:
                yield from once_more([race for race in waiting if not race.says], "eager", EAGER, box, troubles)
            if box.left() < 5:
                break
        if troubles:
            raise Failure("; ".join(dict.fromkeys(troubles)))


# What a trial has behind it, in order, and what it is called.
BEGINNINGS = [
    ("process", "process, libtorch loaded"),
    ("device", "CUDA loaded, a context"),
    ("task", "data and model"),
    ("optimizer", "optimizer, its kernels"),
    ("step", "first step"),
]


def beginning(setting, box):
    """Seconds of each phase until the first step of a trial, where kernels are compiled and where they are found."""
    with tempfile.TemporaryDirectory() as root:
        cache = Path(root) / "cache"
        for number in range(2 if setting.small else 5):
            folder = Path(root) / str(number)
            at = [] if setting.index is None else ["--cuda", setting.index]
            words = ["--folder", folder, "--size", 120, "--batch-size", 200, "--epochs", 1, "--not-deterministic"]
            command = setting.programs.own("same_twice", *words, *at)
            started = time.time()
            told = objects(run(command, box, {"XDG_CACHE_HOME": str(cache)}))
            yield {"kind": "beginning", "found": number > 0, **phases(started, told)}


def phases(started, told):
    """Seconds of each phase, of what a trial told since it was started then."""
    reached = {one["beginning"]: one["at"] for one in told if one["event"] == "reached"}
    missing = [name for name, _ in BEGINNINGS if name not in reached]
    if missing:
        raise Failure(f"the trial did not tell of {', '.join(missing)}")
    ends = [reached[name] for name, _ in BEGINNINGS]
    return {name: end - begin for (name, _), begin, end in zip(BEGINNINGS, [started, *ends], ends)}
