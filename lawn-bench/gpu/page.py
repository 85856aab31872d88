"""The page of results."""

import statistics

from speed import BEGINNINGS
from targets import FUSED, of_kind, ratios, seconds, targets, verdict


def table(head, rows):
    """In Markdown; the first column is text, the others are numbers."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cell(one) for one in line) + " |" for line in lines)


def cell(text):
    return " ".join(str(text).replace("|", "\\|").split())


def page(results, command):
    """What is known so far, as Markdown."""
    machine = next(iter(of_kind(results, "machine")), {})
    blocks = [f"# {machine.get('name', 'A device that did not answer')}", about(machine, command)]
    rows = [[what, bound, found, verdict(is_met)] for what, bound, found, is_met in targets(results)]
    blocks += ["## Targets", table(["target", "bound", "found", ""], rows)]
    blocks += checks(results) + steps(results) + races(results) + beginnings(results) + doctor(results) + parts(results)
    return "\n\n".join(blocks) + "\n"


def about(machine, command):
    facts = [f"{name}: {machine[key]}" for key, name in FACTS if machine.get(key)]
    if machine.get("is_dry"):
        facts.insert(0, "**A dry run on the CPU, of reduced sizes: its numbers say nothing of a GPU.**")
    facts.append(f"Printed by `{command}`.")
    return "  \n".join(facts)


FACTS = [
    ("memory_text", "Memory"),
    ("capability", "Compute capability"),
    ("driver", "Driver"),
    ("torch", "torch"),
    ("cuda", "CUDA of torch"),
    ("cudnn", "cuDNN"),
    ("bandwidth", "Copy bandwidth, read and written"),
    ("cores", "Cores"),
    ("when", "Begun"),
]


def checks(results):
    found = of_kind(results, "check")
    if not found:
        return []
    word = {None: "not known", True: "yes", False: "NO"}
    rows = [[one["what"], word[one["holds"]], one["detail"]] for one in found]
    blocks = ["## What must hold", table(["", "holds", ""], rows)]
    for one in found:
        if apart := one.get("apart"):
            blocks.append("\n".join(["```text", *apart, "```"]))
    return blocks


def steps(results):
    found = seconds(results)
    if not found:
        return []
    sets = list(dict.fromkeys(tensors for tensors, _ in found))
    names = list(dict.fromkeys(name for _, name in found))

    def rows(text):
        return [[name, *(text(found.get((one, name)), found.get((one, FUSED))) for one in sets)] for name in names]

    def time(key):
        return lambda one, _: f"{one[key] * 1e3:.3f}" if one and one.get(key) is not None else "–"

    def ratio(one, fused):
        return f"{one['step'] / fused['step']:.2f}" if one and fused else "–"

    held = [row for row in rows(time("held")) if set(row[1:]) != {"–"}]
    return [
        "## Optimizer step",
        "Milliseconds, the fastest round:",
        table(["", *sets], rows(time("step"))),
        f"Over {FUSED}:",
        table(["", *sets], rows(ratio)),
        "Milliseconds until the host goes on:",
        table(["", *sets], held),
    ]


def races(results):
    found = of_kind(results, "race")
    if not found:
        return []
    rows, in_graphs = [], []
    for net, batch in dict.fromkeys((one["net"], one["batch"]) for one in found):
        own = [one for one in found if (one["net"], one["batch"]) == (net, batch)]
        ours, theirs = (statistics.median(one[side] for one in own) for side in ("ours", "theirs"))
        all_ratios = sorted(ratios(own, net, batch))
        middle = statistics.median(all_ratios)
        span = f"{middle:.2f} ({all_ratios[0]:.2f} to {all_ratios[-1]:.2f})"
        net += "".join(f" ({says})" for says in dict.fromkeys(one.get("says") for one in own) if says)
        without = [one["eager"] for one in of_kind(results, "eager") if (one["net"], one["batch"]) == (own[0]["net"], batch)]
        eager = f"{without[-1]:,.0f}" if without else "–"
        again = [one["same bits"] for one in of_kind(results, "same bits") if (one["net"], one["batch"]) == (own[0]["net"], batch)]
        again = f"{again[-1]:,.0f}" if again else "–"
        rows.append([net, f"{batch:,}", f"{ours:,.0f}", eager, again, f"{theirs:,.0f}", span, len(own)])
        in_graphs.append([rows[-1][0], rows[-1][1], *graphs(own, of_kind(results, "eager"))])
    peers = ", ".join(dict.fromkeys(one["theirs is"] for one in found))
    return [
        "## Training, samples a second",
        f"By turns with {peers}; medians of the rounds, and their ratios with the range. Ours takes graphs "
        "of CUDA on a GPU; without them it ran once, and once with operations that give the same bits each time.",
        table(["", "batch size", "ours", "ours without graphs", "ours, the same bits", "PyTorch eager", "ratio", "rounds"], rows),
        "Steps in graphs: passes that were replayed, those of them with the optimizer's step, and those computed both "
        "ways; microseconds until the host goes on after a step, with graphs and without:",
        table(["", "batch size", "replayed", "with the optimizer", "both ways", "host", "host without"], in_graphs),
    ]


def graphs(races, eager):
    """How many passes of a race were replayed, and how long the host is held by a step."""
    used = races[-1].get("graphs") or {}
    counts = [f"{used[key]:,}" if key in used else "–" for key in ("replayed", "updated", "checked")]
    same = [one for one in eager if (one["net"], one["batch"]) == (races[0]["net"], races[0]["batch"])]
    for found in (races, same):
        held = [one["host_seconds"] for one in found if one.get("host_seconds") is not None]
        counts.append(f"{statistics.median(held) * 1e6:,.0f}" if held else "–")
    return counts


def beginnings(results):
    found = of_kind(results, "beginning")
    if not found:
        return []
    sides = [[one for one in found if one["found"] == is_found] for is_found in (False, True)]
    middle = lambda own, of: f"{statistics.median(map(of, own)):.2f}" if own else "–"
    rows = [[text, *(middle(own, lambda one: one[name]) for own in sides)] for name, text in BEGINNINGS]
    rows.append(["all", *(middle(own, lambda one: sum(one[name] for name, _ in BEGINNINGS)) for own in sides)])
    return [
        "## Until the first step of a trial",
        f"Seconds of each phase, medians of {len(sides[0])} with no kernels kept and of {len(sides[1])} after:",
        table(["", "compiled", "found"], rows),
    ]


def doctor(results):
    lines = [one["line"] for one in of_kind(results, "doctor")]
    return ["## lawn doctor", "\n".join(["```text", *lines, "```"])] if lines else []


def parts(results):
    found = of_kind(results, "part")
    rows = [[one["name"], f"{one['seconds']:.0f}", one["says"]] for one in found]
    rows.append(["all", f"{max((one['at'] for one in found), default=0.0):.0f}", ""])
    return ["## Parts of this run", table(["part", "seconds", "how it ended"], rows)]
