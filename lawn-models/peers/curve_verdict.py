"""Whether the curves of two sides are within seed noise of each other.

The rule. Of every seed's curve there are four numbers: train loss and test top-1, each of the last
epoch and as the mean over all epochs. Of each the sides' means differ by some amount, which has a 95 %
interval by Student's t with the variance that both sides have together (n seeds a side, 2n - 2 degrees of
freedom: if the sides do the same, their noise is the same). The sides are within seed noise if all four
intervals hold 0. Half an interval is the difference that so many seeds could have missed, and is said.
"""

import math
import statistics

METRICS = {"train_loss": "train loss", "test_top_1": "test top-1"}
LEVEL = 0.95


def student(t, degrees):
    """P(T <= t) of Student's t, for an even number of degrees of freedom."""
    angle = math.atan(t / math.sqrt(degrees))
    term = total = 1.0
    for even in range(2, degrees, 2):
        term *= (even - 1) / even * math.cos(angle) ** 2
        total += term
    return 0.5 + 0.5 * math.sin(angle) * total


def quantile(probability, degrees):
    """The t of that probability, by halving."""
    low, high = 0.0, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        if student(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return high


def summaries(curve, metric):
    """What is compared of one curve, by name."""
    values = [epoch[metric] for epoch in curve["epochs"]]
    return {"last epoch": values[-1], "mean of epochs": statistics.fmean(values)}


def compare(curves):
    """Each comparison with its interval, and the verdict."""
    sides = [[one for one in curves if one["framework"] == name] for name in ("lawn", "pytorch")]
    n = len(sides[0])
    degrees = 2 * n - 2
    factor = quantile((1 + LEVEL) / 2, degrees) * math.sqrt(2 / n)
    comparisons = []
    for metric in METRICS:
        for summary in ("last epoch", "mean of epochs"):
            ours, peer = ([summaries(one, metric)[summary] for one in side] for side in sides)
            difference = statistics.fmean(ours) - statistics.fmean(peer)
            pooled = (statistics.variance(ours) + statistics.variance(peer)) / 2
            half = factor * math.sqrt(pooled)
            comparisons.append(
                {
                    "metric": metric,
                    "summary": summary,
                    "lawn": ours,
                    "pytorch": peer,
                    "difference": difference,
                    "low": difference - half,
                    "high": difference + half,
                    "within": abs(difference) <= half,
                }
            )
    within = all(one["within"] for one in comparisons)
    return {
        "seeds": n,
        "level": LEVEL,
        "degrees_of_freedom": degrees,
        "comparisons": comparisons,
        "verdict": "within seed noise" if within else "not within seed noise",
    }


def text(result, curves):
    """The result as markdown."""
    settings, n = result["settings"], result["seeds"]

    def images(split):
        count = settings[f"{split}_images"]
        return "all" if count is None else f"{count:,}"

    lines = [
        f"# ResNet-{settings['depth']} on {settings['data']}: lawn beside PyTorch",
        "",
        f"{settings['epochs']} epochs of {images('train')} train images at batch size {settings['batch_size']}, "
        f"{images('test')} test images, threads: {settings['threads']}; n = {n} seeds a side; "
        f"{result['lawn']}, PyTorch {result['pytorch']}. Means of the seeds, and ± half their range.",
        "",
        "| epoch | train loss, lawn | train loss, PyTorch | test top-1, lawn | test top-1, PyTorch |",
        "|--:|--:|--:|--:|--:|",
    ]
    for epoch in range(settings["epochs"]):
        cells = []
        for metric in METRICS:
            for name in ("lawn", "pytorch"):
                own = [one for one in curves if one["framework"] == name]
                values = [one["epochs"][epoch][metric] for one in own]
                half = (max(values) - min(values)) / 2
                cells.append(f"{statistics.fmean(values):.4f} ± {half:.4f}")
        lines.append(f"| {epoch + 1} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| | lawn | PyTorch | difference | 95 % interval | holds 0 |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for one in result["comparisons"]:
        ours, peer = (statistics.fmean(one[name]) for name in ("lawn", "pytorch"))
        lines.append(
            f"| {METRICS[one['metric']]}, {one['summary']} | {ours:.4f} | {peer:.4f} "
            f"| {one['difference']:+.4f} | {one['low']:+.4f} to {one['high']:+.4f} "
            f"| {'yes' if one['within'] else 'no'} |"
        )
    lines += [
        "",
        f"**The curves are {result['verdict']}** (n = {n} a side, {result['degrees_of_freedom']} degrees of "
        "freedom): they are if each of these intervals of the difference of means holds 0, by Student's t with "
        "the variance of both sides together. A difference of less than half an interval could have been missed.",
    ]
    return "\n".join(lines) + "\n"
