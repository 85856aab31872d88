"""What must hold on a device: kernels that agree, trials that end with the same bits, memory that runs
out.

Each check is a generator of results; what it has given is kept, whatever comes after.
"""

import hashlib
import json
import signal
import struct
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from programs import Failure, end, objects, run, start

# Bytes of a device that a trial may have where memory is made scarce.
SCARCE = 3 << 30


def conformance(setting, box):
    """lawn-core's kernels beside libtorch's operations, themselves, and the CPU."""
    command = setting.programs.own("gpu_conformance", "--device", setting.device)
    command += ["--quick"] if setting.small else []
    try:
        lines, said = run(command, box, codes=(0, 1)), None
    except Failure as failure:
        lines, said = failure.lines, str(failure)
    rows = [line for line in lines if line.startswith(RULES)]
    apart = [" ".join(row.split()) for row in rows if "TOO FAR" in row or "OTHER BITS" in row]
    whole = said is None and "all agree" in lines
    detail = f"{len(rows)} settings, {len(apart)} do not agree"
    if said is not None:
        detail += f"; {said}"
    yield {
        "kind": "check", "what": "conformance", "holds": whole and bool(rows), "detail": detail,
        "apart": apart,
    }
    if said is not None:
        raise Failure(said)


RULES = tuple(
    f"{rule} "
    for rule in (
        "sgd", "momentum", "nesterov", "adam", "adamw", "amsgrad", "lamb", "lars", "adagrad", "nadamw",
        "lion", "averaged", "adamp", "sgdp",
    )
)


# By whether sizes are small: what a trial of a task is like.
SIZES = {
    False: {
        "ncf": {"--size": 2_000, "--batch-size": 1_000, "--epochs": 4},
        "image": {"--size": 4_096, "--batch-size": 256, "--epochs": 4},
        "transformer": {"--size": 512, "--batch-size": 64, "--epochs": 2},
        "clicks": {"--size": 500, "--batch-size": 1_000, "--epochs": 2},
    },
    True: {
        "ncf": {"--size": 120, "--batch-size": 200, "--epochs": 4},
        "image": {"--size": 256, "--batch-size": 64, "--epochs": 2},
        "transformer": {"--size": 32, "--batch-size": 16, "--epochs": 1},
        "clicks": {"--size": 20, "--batch-size": 200, "--epochs": 2},
    },
}


class Trials:
    """Trials of the program `same_twice`, each in a folder of its own."""

    def __init__(self, setting, root):
        self.setting, self.root = setting, Path(root)
        # What each task's first trial told, and the checksum of its weights.
        self.first = {task: Once() for task in SIZES[setting.small]}

    def size(self, task, option):
        return SIZES[self.setting.small][task][option]

    def folder(self):
        return Path(tempfile.mkdtemp(dir=self.root))

    def command(self, folder, task, more, flags=()):
        options = {**SIZES[self.setting.small][task], **more, "--threads": 1}
        if self.setting.index is not None:
            options["--cuda"] = self.setting.index
        words = [word for option in options.items() for word in option]
        return self.setting.programs.own("same_twice", "--folder", folder, "--task", task, *words, *flags)

    def run(self, task, box, more=None, folder=None, environment=None, flags=()):
        """What a trial told, and the checksum of its weights."""
        folder = folder or self.folder()
        told = objects(run(self.command(folder, task, more or {}, flags), box, environment))
        if not told or told[-1]["event"] != "finished":
            raise Failure("the trial did not tell its end")
        return told, digest(folder / "model.safetensors")

    def whole(self, task, box):
        return self.first[task].get(lambda: self.run(task, box))


class Once:
    """What the first of some threads makes for all of them."""

    def __init__(self):
        self.lock, self.made = threading.Lock(), None

    def get(self, make):
        with self.lock:
            if self.made is None:
                self.made = make()
            return self.made


def digest(path):
    """A checksum of the tensors of a safetensors file, without what is noted beside them."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
        found.update(file.read())
    return found.hexdigest()


def same(setting, box):
    """Repeated, and resumed after `kill -9`: the same bits; in micro-batches: the same twice."""
    with tempfile.TemporaryDirectory() as root, ThreadPoolExecutor(setting.at_once) as threads:
        trials = Trials(setting, root)
        begun = [
            threads.submit(checked, f"{what}, {task}", check, trials, task, box)
            for task, what, check in [
                ("ncf", "repeated", repeated),
                ("image", "repeated", repeated),
                ("transformer", "repeated", repeated),
                ("clicks", "repeated", repeated),
                ("ncf", "killed and resumed", resumed),
                ("image", "killed and resumed", resumed),
                ("ncf", "captured in graphs", captured),
                ("image", "captured in graphs", captured),
                ("transformer", "captured in graphs", captured),
                ("clicks", "captured in graphs", captured),
                ("ncf", "in micro-batches", cut),
                ("image", "in micro-batches", cut),
                ("ncf", "killed and resumed in graphs", resumed_in_graphs),
                ("image", "killed and resumed in graphs", resumed_in_graphs),
                ("ncf", "samples of the device", samples),
                ("image", "samples of the device", samples),
                ("ncf", "in micro-batches and graphs", cut_in_graphs),
                ("image", "in micro-batches and graphs", cut_in_graphs),
            ]
        ]
        for check in as_completed(begun):
            yield check.result()


def checked(what, check, *of):
    """The result of a check, or why there is none: those after it go on."""
    try:
        holds, detail = check(*of)
    except (Failure, OSError, KeyError, ValueError) as failure:
        holds, detail = None, str(failure)
    return {"kind": "check", "what": what, "holds": holds, "detail": detail}


def repeated(trials, task, box):
    told, first = trials.whole(task, box)
    _, second = trials.run(task, box)
    details = [f"train loss {told[-1]['train_loss']:.6f}"]
    # It is a large part of a short trial.
    details += [f"first step after {one['seconds']:.1f} s" for one in told if one["event"] == "first step"]
    details += [one["says"] for one in told if one["event"] == "notice"]
    return first == second, "; ".join(details)


def resumed(trials, task, box, flags=()):
    """A trial that is killed in the midst of its constrained phase, and run again."""
    _, whole = trials.whole(task, box)
    folder = trials.folder()
    with tempfile.NamedTemporaryFile() as out:
        command = trials.command(folder, task, {"--checkpoint-every": 0.02}, flags)
        process = start(command, (out, out))

        def wait(until):
            while not until() and process.poll() is None and box.left() > 0:
                time.sleep(0.002)

        try:
            # Half of the epochs are free.
            free = trials.size(task, "--epochs") // 2
            wait(lambda: Path(out.name).read_text().count("evaluated") >= free)
            half = time.time()
            wait(lambda: written(folder / "checkpoint.safetensors") > half)
        finally:
            end(process)
    if process.returncode != -signal.SIGKILL:
        raise Failure(f"it ended with {process.returncode} before it was killed")
    told, weights = trials.run(task, box, folder=folder, flags=flags)
    began = next(one for one in told if one["event"] == "started")
    if not 0 < began["resumed_step"] < began["steps"]:
        raise Failure(f"it went on from step {began['resumed_step']} of {began['steps']}")
    detail = f"went on from step {began['resumed_step']} of {began['steps']}"
    if not flags:
        return weights == whole, detail
    replayed, says = replays(told)
    return weights == whole and replayed, f"{detail}; {says}"


def resumed_in_graphs(trials, task, box):
    """The same with graphs before and after: the bits of a trial without, that nobody killed."""
    require_gpu(trials)
    return resumed(trials, task, box, GRAPHS)


GRAPHS = ("--graphs",)


def require_gpu(trials):
    if trials.setting.index is None:
        raise Failure("needs a GPU")


def replays(told):
    """Whether steps were replayed from graphs with the optimizer's in them, after checks, and how many."""
    used = next((one["graphs"] for one in told if one["event"] == "computed"), None) or {}
    counts = [used.get(key, 0) for key in ("replayed", "captured", "updated", "checked")]
    replayed, captured, updated, checked = counts
    says = f"{replayed} passes replayed from {captured} graphs, {updated} with the optimizer's step, {checked} both ways"
    return replayed > 0 and updated > 0 and checked > 0, says


def captured(trials, task, box):
    """Steps that are captured and replayed: the bits of those that are not."""
    require_gpu(trials)
    _, whole = trials.whole(task, box)
    told, weights = trials.run(task, box, flags=GRAPHS)
    details = [one["says"] for one in told if one["event"] == "notice"]
    replayed, says = replays(told)
    details += [says] if weights == whole else [says, "other bits"]
    return weights == whole and replayed, "; ".join(details)


def written(path):
    """When a file was written; 0 if it is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def cut(trials, task, box):
    """Micro-batches change a result by rounding only, and give the same bits twice."""
    short = {"--epochs": 1}
    part = trials.size(task, "--batch-size") // 2
    whole, _ = trials.run(task, box, short)
    told, first = trials.run(task, box, {**short, "--micro-batch-size": part})
    _, second = trials.run(task, box, {**short, "--micro-batch-size": part})
    apart = abs(told[-1]["train_loss"] / whole[-1]["train_loss"] - 1)
    detail = f"parts of {part}; the train loss of an epoch is {apart:.1e} from that of whole batches"
    return first == second and apart < 1e-2, detail


def samples(trials, task, box):
    """What a device draws or shows by itself: what the host does."""
    require_gpu(trials)
    command = trials.command(trials.folder(), task, {}, ["--samples"])
    (told,) = [one for one in objects(run(command, box)) if one["event"] == "samples"]
    differ, count = told["batches_that_differ"], told["samples"]
    detail = f"{count:,} samples, {differ} batches differ"
    if told["reason"]:
        raise Failure(f"the host draws them: {told['reason']}")
    return differ == 0, detail


def cut_in_graphs(trials, task, box):
    """Micro-batches of which each place in its step has a graph: the bits of those without, twice."""
    require_gpu(trials)
    part = trials.size(task, "--batch-size") // 2
    more = {"--epochs": 2, "--micro-batch-size": part}
    _, without = trials.run(task, box, more)
    told, first = trials.run(task, box, more, flags=GRAPHS)
    _, second = trials.run(task, box, more, flags=GRAPHS)
    replayed, says = replays(told)
    details = [f"parts of {part}", says]
    details += [] if first == without else ["other bits than without graphs"]
    details += [] if first == second else ["other bits the second time"]
    return without == first == second and replayed, "; ".join(details)


def scarce(setting, box):
    """A trial that does not fit goes on with fewer samples at once."""
    if setting.index is None:
        yield {"kind": "check", "what": "memory back-off", "holds": None, "detail": "needs a GPU"}
        return
    with tempfile.TemporaryDirectory() as root:
        yield checked("memory back-off", backed_off, Trials(setting, root), box)


def backed_off(trials, box):
    part = SCARCE / trials.setting.memory
    # Read by libtorch's allocator; the rest of the device is as good as not there.
    name = "PYTORCH_CUDA_ALLOC_CONF"
    given = {name: f"per_process_memory_fraction:{part:.6f}"}
    more = {"--size": 8_192, "--batch-size": 4_096, "--epochs": 2}
    told, _ = trials.run("image", box, more, environment=given)
    steps = [f"{one['from']} to {one['to']}" for one in told if "from" in one]
    detail = f"{', '.join(steps) or 'all samples fitted'}; at most {SCARCE >> 30} GiB"
    return bool(steps), detail


RANKED = """
name = "ranked"
batch_sizes = [64]

[tasks.feedback]
kind = "ncf"
generated = {{ users = 120, items = 220, interactions = 10 }}

[budget]
epochs = 2

[arms.adam-lawn]
rule = "adam"
lawn = true
free_fraction = 0.5
learning_rate = 1e-2

[confirmation]
seeds = [1]

[resources]
device = "{device}"
ranks = {ranks}
"""


def ranked(setting, box):
    """A trial of two processes, each with a GPU of its own, beside the same trial of one."""
    if not setting.small and setting.cards < 2:
        detail = f"needs two GPUs; there is {setting.cards}. {backends(setting, box)}"
        yield {"kind": "check", "what": "two ranks", "holds": None, "detail": detail}
        return
    with tempfile.TemporaryDirectory() as root:
        yield checked("two ranks", two_ranks, setting, Path(root), box)


def two_ranks(setting, root, box):
    found = {}
    for ranks in (1, 2):
        file, out = root / f"{ranks}.toml", root / str(ranks)
        file.write_text(RANKED.format(device="cpu" if setting.small else "cuda", ranks=ranks))
        run(setting.programs.own("lawn", "sweep", file, "--out", out), box)
        (outcome,) = out.glob("trials/*/outcome.json")
        found[ranks] = json.loads(outcome.read_text())
    alone, record = found[1], found[2]["ranks"]
    apart = abs(found[2]["summary"]["train_loss"] / alone["summary"]["train_loss"] - 1)
    detail = f"{record['ranks']} on {record['device']} over {record['backend']}"
    detail += f"; the train loss is {apart:.1e} from that of one; {backends(setting, box)}"
    return apart < 1e-3 and record["ranks"] == 2, detail


def backends(setting, box):
    """What ranks are connected by, and why by nothing else, in the words of `lawn doctor`."""
    said = "\n".join(run(setting.programs.own("lawn", "doctor", "--json"), box, codes=range(4)))
    (found,) = [one["found"] for one in json.loads(said)["findings"] if one["what"] == "ranks"]
    return found
