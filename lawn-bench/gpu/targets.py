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
    ("ResNet-18", 512, 1.05),
    ("ResNet-18", 2_048, 1.05),
    ("ResNet-50", 256, 1.05),
    ("ViT-S/16", 256, 1.05),
]
# Samples a second: the net, the batch, the least.
SPEEDS = [("DLRM-small", 262_144, 2e6)]
CHECKS = [
    "conformance",
    "repeated, ncf",
    "repeated, image",
    "repeated, transformer",
    "killed and resumed, ncf",
    "killed and resumed, image",
    "captured in graphs, ncf",
    "captured in graphs, image",
    "captured in graphs, transformer",
    "in micro-batches, ncf",
    "in micro-batches, image",
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
    held = [one["held"] for one in steps.values() if one.get("held") is not None]
    worst = max(held, default=None)
    found = "–" if worst is None else f"{worst * 1e6:.0f} µs"
    yield "the host is held by a step", f"≤ {HELD * 1e6:.0f} µs", found, None if worst is None else worst <= HELD
    for net, batch, least in RACES:
        found = ratios(results, net, batch)
        ratio = statistics.median(found) if found else None
        is_met = None if ratio is None else ratio >= least
        yield f"samples/s over PyTorch, {net} at {batch:,}", f"≥ {least}", number(ratio), is_met
    for net, batch, least in SPEEDS:
        found = speeds(results, net, batch)
        middle = statistics.median(found) if found else None
        is_met = None if middle is None else middle >= least
        text = "–" if middle is None else f"{middle / 1e6:.2f}M"
        yield f"samples/s, {net} at {batch:,}", f"≥ {least / 1e6:.0f}M", text, is_met


def number(value):
    return "–" if value is None else f"{value:.2f}"
