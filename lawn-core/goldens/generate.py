#!/usr/bin/env python3
"""Writes the goldens that `tests/integration/goldens.rs` holds the built-in rules to.

    .venv/bin/python lawn-core/goldens/generate.py

Every case runs a peer's optimizer for a few steps over the same weights and
gradients. `goldens.json` has the cases, each with the configuration of
lawn-core that should do the same, the versions that made them and the
tolerances; `goldens.safetensors` has the tensors:

    weight/<i>            initial weights, f64
    gradient/<step>/<i>   gradients, f64; `missing` lists those that a case leaves out
    <case>/<step>/<i>     weights after the step, f64

The f32 cases start from these rounded to f32; their results are held to the
f64 ones.
"""

import json
import math
import pathlib

import numpy
import safetensors
import safetensors.numpy
import timm
import timm.optim
import torch

HERE = pathlib.Path(__file__).parent
SHAPES = [(3, 4), (5,), (2, 3, 2, 2)]
STEPS = 6
RATE = 0.05
SEED = 20210


def adam(**rule):
    return {"kind": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, **rule}


def lamb(**rule):
    return {"kind": "lamb", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6, "adaptation": "when-decayed", **rule}


def lars(**rule):
    return {"kind": "lars", "momentum": 0.9, "trust_coefficient": 0.02, "epsilon": 1e-8, "adaptation": "when-decayed", **rule}


def l2(rate):
    return {"kind": "l2", "rate": rate}


def decoupled(rate):
    return {"kind": "decoupled", "rate": rate}


NONE = {"kind": "none"}
ADAM = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8, "foreach": False}
LAMB = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-6, "foreach": False}
LARS = {"lr": RATE, "momentum": 0.9, "trust_coeff": 0.02}

# name, peer, its arguments, our rule, our decay, our clip
CASES = [
    ("sgd", torch.optim.SGD, {"lr": RATE}, {"kind": "sgd"}, NONE, None),
    ("sgd-momentum", torch.optim.SGD, {"lr": RATE, "momentum": 0.9}, {"kind": "sgd", "momentum": 0.9}, NONE, None),
    (
        "sgd-dampening-l2",
        torch.optim.SGD,
        {"lr": RATE, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
        {"kind": "sgd", "momentum": 0.8, "dampening": 0.3},
        l2(0.1),
        None,
    ),
    (
        "sgd-nesterov",
        torch.optim.SGD,
        {"lr": RATE, "momentum": 0.9, "nesterov": True},
        {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        NONE,
        None,
    ),
    ("adam", torch.optim.Adam, ADAM, adam(), NONE, None),
    ("adam-l2", torch.optim.Adam, {**ADAM, "weight_decay": 0.1}, adam(), l2(0.1), None),
    ("adamw", torch.optim.AdamW, {**ADAM, "weight_decay": 0.1}, adam(), decoupled(0.1), None),
    ("amsgrad", torch.optim.Adam, {**ADAM, "amsgrad": True}, adam(amsgrad=True), NONE, None),
    (
        "amsgradw",
        torch.optim.AdamW,
        {**ADAM, "amsgrad": True, "weight_decay": 0.1},
        adam(amsgrad=True),
        decoupled(0.1),
        None,
    ),
    ("lamb-timm", timm.optim.Lamb, {**LAMB, "weight_decay": 0.1}, lamb(), decoupled(0.1), 1.0),
    # All that the preset leaves to timm is left to it here as well.
    (
        "lamb-timm-defaults",
        timm.optim.Lamb,
        {"lr": RATE, "weight_decay": 0.1},
        {"kind": "lamb", "adaptation": "when-decayed"},
        decoupled(0.1),
        1.0,
    ),
    ("lamb-timm-no-decay", timm.optim.Lamb, {**LAMB, "weight_decay": 0.0}, lamb(), NONE, 1.0),
    (
        "lamb-timm-always-adapt",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.0, "always_adapt": True, "max_grad_norm": None},
        lamb(adaptation="always"),
        NONE,
        None,
    ),
    (
        "lamb-timm-trust-clip",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "trust_clip": True},
        lamb(trust_max=1.0),
        decoupled(0.1),
        1.0,
    ),
    (
        "lamb-timm-decoupled",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "decoupled_decay": True},
        lamb(decay_place="outside-trust"),
        decoupled(0.1),
        1.0,
    ),
    (
        "lamb-timm-plain-moments",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "bias_correction": False, "grad_averaging": False},
        lamb(bias_correction="omitted", gradient_averaging="summed"),
        decoupled(0.1),
        1.0,
    ),
    ("lars-timm", timm.optim.Lars, {**LARS, "weight_decay": 0.1}, lars(), l2(0.1), None),
    ("lars-timm-no-decay", timm.optim.Lars, {**LARS, "weight_decay": 0.0}, lars(), NONE, None),
    (
        "lars-timm-nesterov",
        timm.optim.Lars,
        {**LARS, "weight_decay": 0.1, "nesterov": True},
        lars(nesterov=True),
        l2(0.1),
        None,
    ),
]


def main():
    generator = numpy.random.Generator(numpy.random.Philox(SEED))

    def draw(shape):
        # Rounded to f32, so that both precisions start from the same numbers.
        return generator.standard_normal(shape).astype(numpy.float32).astype(numpy.float64)

    tensors = {f"weight/{i}": draw(shape) for i, shape in enumerate(SHAPES)}
    for step in range(STEPS):
        for i, shape in enumerate(SHAPES):
            # The sizes of the gradients vary, so that clipping acts on some.
            tensors[f"gradient/{step}/{i}"] = draw(shape) * math.ldexp(1.0, step % 3 - 3)
    cases = []
    for name, peer, arguments, rule, decay, clip in CASES:
        # torch counts the updates of each parameter; timm's Lamb those of the
        # group, so that only torch can tell what a missing gradient should do.
        missing = [(3, 1)] if peer.__module__.startswith("torch.") else []
        weights = [torch.nn.Parameter(torch.from_numpy(tensors[f"weight/{i}"].copy())) for i in range(len(SHAPES))]
        optimizer = peer(weights, **arguments)
        for step in range(STEPS):
            for i, weight in enumerate(weights):
                gradient = torch.from_numpy(tensors[f"gradient/{step}/{i}"].copy())
                weight.grad = None if (step, i) in missing else gradient
            optimizer.step()
            for i, weight in enumerate(weights):
                tensors[f"{name}/{step}/{i}"] = weight.detach().numpy().copy()
        config = {"rule": rule, "schedule": {"kind": "constant", "from": RATE}, "decay": decay, "clip_norm": clip}
        peer_name = f"{peer.__module__.split('.')[0]}.{peer.__name__}"
        cases.append({"name": name, "peer": peer_name, "missing": missing, "config": config})

    document = {
        "versions": {
            "torch": torch.__version__,
            "timm": timm.__version__,
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
        },
        "seed": SEED,
        "steps": STEPS,
        "shapes": SHAPES,
        "tolerance": {
            # Largest |ours − peer's| / (1 + |peer's|). The formulas are the same
            # and their order of rounding is not.
            "f64": 1e-14,
            "f32": 2e-6,
        },
        "cases": cases,
    }
    (HERE / "goldens.json").write_text(json.dumps(document, indent=1) + "\n")
    safetensors.numpy.save_file(tensors, HERE / "goldens.safetensors")
    print(f"{len(cases)} cases, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
