"""What is aimed at, and whether results reach it."""

import statistics

# Of the kernels, ours over torch's fused AdamW: the optimizer, the tensors, the most it may be.
OPTIMIZERS = [
    ("AdamW, unchecked", "ResNet-50", 0.6),
    ("AdamW, unchecked", "one of 33.5M", 1.0),
    ("Adam-LAWN", "ResNet-50", 0.9),
    ("Adam-LAWN", "NeuMF", 1.0),
    ("Adam-LAWN", "300 × 4096", 0.3),
    ("Adam-LAWN", "72 × 1024 × 4096", 1.7),
]
FUSED = "torch AdamW fused"
# Seconds that a step may hold the host up.
HELD = 50e-6
# Of training, ours over PyTorch's: the net, the batch, the least it may be.
RACES = [
    ("NeuMF-8", 10_000, 5.0),
    ("NeuMF-8", 100_000, 5.0),
    ("NeuMF-8", 1_000_000, 5.0),
    ("ResNet-20", 128, 1.3),
    ("ResNet-20", 1_024, 1.3),
    ("Trial of ResNet-20", 128, 1.3),
    ("Trial of ResNet-20", 1_024, 1.3),
    ("ResNet-18", 512, 1.05),
    ("ResNet-18", 2_048, 1.05),
    ("ResNet-50", 256, 1.05),
    ("ViT-S/16", 256, 1.05),
]
# Of a step that reads and writes so many bytes a parameter of these tensors: the part of the bandwidth of
# a copy, the least it may be.
BANDWIDTH = ("Adam-LAWN", "72 × 1024 × 4096", 72 * 1024 * 4096, 44, 0.75)
# Of training, without over with operations that give the same bits each time: the net, the batch.
SAME_BITS = [("NeuMF-8", 10_000), ("NeuMF-8", 1_000_000), ("ResNet-20", 128), ("Trial of ResNet-20", 128)]
# The most that is.
COST = 1.10
# Gradients that lie elsewhere in each step.
FRESH = "Adam-LAWN, fresh gradients"
# Samples a second: the net, the batch, the least.
SPEEDS = [("DLRM-small", 262_144, 2e6)]
CHECKS = [
    "conformance",
    "repeated, ncf",
    "repeated, image",
    "repeated, transformer",
    "repeated, clicks",
    "killed and resumed, ncf",
    "killed and resumed, image",
    "captured in graphs, ncf",
    "captured in graphs, image",
    "captured in graphs, transformer",
    "captured in graphs, clicks",
    "in micro-batches, ncf",
    "in micro-batches, image",
    "killed and resumed in graphs, ncf",
    "killed and resumed in graphs, image",
    "samples of the device, ncf",
    "samples of the device, image",
    "in micro-batches and graphs, ncf",
    "in micro-batches and graphs, image",
    "memory back-off",
    "two ranks",
]


def verdict(is_met):
    return {None: "not measured", True: "met", False: "MISSED"}[is_met]


def of_kind(results, kind):
    return [one for one in results if one["kind"] == kind]


def seconds(results):
    """Of a step, by tensors and optimizer."""
    return {(one["set"], one["name"]): one for one in of_kind(results, "step")}


def ratios(results, net, batch):
    """Of all rounds of a race, ours over theirs."""
    races = of_kind(results, "race")
    return [one["ours"] / one["theirs"] for one in races if one["net"].startswith(net) and one["batch"] == batch]


def speeds(results, net, batch):
    """Of all rounds of a race, ours."""
    races = of_kind(results, "race")
    return [one["ours"] for one in races if one["net"].startswith(net) and one["batch"] == batch]


def targets(results):
    """Rows of: what, its bound, what was found, whether it is met."""
    checks = {one["what"]: one for one in of_kind(results, "check")}
    for what in CHECKS:
        holds = checks[what]["holds"] if what in checks else None
        found = {None: "–", True: "yes", False: "no"}[holds]
        yield what, "holds", found, holds
    steps = seconds(results)
    for name, tensors, most in OPTIMIZERS:
        ours, theirs = steps.get((tensors, name)), steps.get((tensors, FUSED))
        ratio = ours["step"] / theirs["step"] if ours and theirs else None
        is_met = None if ratio is None else ratio <= most
        yield f"{name} over {FUSED}, {tensors}", f"≤ {most}", number(ratio), is_met
    yield bandwidth(results, steps)
    for what, is_fresh in [("the host is held by a step", False), ("the same with fresh gradients", True)]:
        held = [one["held"] for (_, name), one in steps.items() if (name == FRESH) == is_fresh and one.get("held")]
        worst = max(held, default=None)
        found = "–" if worst is None else f"{worst * 1e6:.0f} µs"
        yield what, f"≤ {HELD * 1e6:.0f} µs", found, None if worst is None else worst <= HELD
    for net, batch, least in RACES:
        found = ratios(results, net, batch)
        ratio = statistics.median(found) if found else None
        is_met = None if ratio is None else ratio >= least
        yield f"samples/s over PyTorch, {net} at {batch:,}", f"≥ {least}", number(ratio), is_met
    for net, batch in SAME_BITS:
        cost = same_bits_cost(results, net, batch)
        is_met = None if cost is None else cost <= COST
        yield f"cost of the same bits each time, {net} at {batch:,}", f"≤ {COST:.2f}", number(cost), is_met
    for net, batch, least in SPEEDS:
        found = speeds(results, net, batch)
        middle = statistics.median(found) if found else None
        is_met = None if middle is None else middle >= least
        text = "–" if middle is None else f"{middle / 1e6:.2f}M"
        yield f"samples/s, {net} at {batch:,}", f"≥ {least / 1e6:.0f}M", text, is_met


def bandwidth(results, steps):
    """The part of the bandwidth of a copy that a step reaches."""
    name, tensors, count, bytes_each, least = BANDWIDTH
    copied = next((one.get("copied") for one in of_kind(results, "machine")), None)
    step = steps.get((tensors, name))
    part = count * bytes_each / step["step"] / copied if copied and step else None
    found = "–" if part is None else f"{part:.0%}"
    is_met = None if part is None else part >= least
    return f"{name} over the bandwidth of a copy, {tensors}", f"≥ {least:.0%}", found, is_met


def same_bits_cost(results, net, batch):
    """How much longer training takes with operations that give the same bits each time."""
    own = [one for one in of_kind(results, "same bits") if one["net"].startswith(net) and one["batch"] == batch]
    found = speeds(results, net, batch)
    return statistics.median(found) / own[-1]["same bits"] if own and found else None


def number(value):
    return "–" if value is None else f"{value:.2f}"
