#!/usr/bin/env python3
"""Writes `schedules.json`, the learning rates that the tests of `src/schedule/` and of layers hold.

    .venv/bin/python lawn-core/goldens/schedules.py

`warm_restarts` has `CosineAnnealingWarmRestarts`, `plateau` has `ReduceLROnPlateau` of torch, and
`layer_decay` the factors that timm's `param_groups_layer_decay` gives the layers of a net.
"""

import json
import pathlib

import timm
import timm.optim
import torch

HERE = pathlib.Path(__file__).parent
LOSSES = [5.0, 4.0, 3.9, 3.8, 3.7, 3.7, 3.7, 3.7, 1.0, 1.0, 0.99, 0.98, 0.97, 0.97, 0.97, 0.97]


def optimizer(rate):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)


def warm_restarts(start, end, length, growth):
    sgd = optimizer(start)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(sgd, length, growth, end)
    rates = []
    for _ in range(40):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    return {"from": start, "to": end, "length": length, "growth": growth, "rates": rates}


def plateau():
    sgd = optimizer(1.0)
    settings = {"factor": 0.5, "patience": 1, "threshold": 0.1, "cooldown": 2, "min_lr": 0.2}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, **settings)
    factors = []
    for loss in LOSSES:
        scheduler.step(loss)
        factors.append(sgd.param_groups[0]["lr"])
    return {**settings, "losses": LOSSES, "factors": factors}


def layer_decay(decay):
    """A vision transformer of three blocks."""
    net = timm.models.VisionTransformer(img_size=16, patch_size=8, embed_dim=8, depth=3, num_heads=2, num_classes=4)
    groups = timm.optim.param_groups_layer_decay(net, layer_decay=decay)
    scales = {id(one): group["lr_scale"] for group in groups for one in group["params"]}
    parameters = [{"name": name, "shape": list(one.shape), "scale": scales[id(one)]} for name, one in net.named_parameters()]
    return {"decay": decay, "parameters": parameters}


cases = [(0.1, 0.0, 7, 1), (0.5, 0.01, 3, 2), (1.0, 0.2, 1, 3), (0.3, 0.3, 4, 2)]
golden = {
    "versions": {"torch": torch.__version__, "timm": timm.__version__},
    "warm_restarts": [warm_restarts(*case) for case in cases],
    "plateau": plateau(),
    "layer_decay": layer_decay(0.7),
}
(HERE / "schedules.json").write_text(json.dumps(golden, indent=1) + "\n")
