"""Writes zoo.json: what the nets for pictures compute, by torchvision, timm and PyTorch.

    .venv/bin/python lawn-models/goldens/zoo.py

Every variable is filled by a formula of its name and shape, so that no weights need to be
stored. The loss is a weighted sum of the logits, whose gradient no softmax flattens. All is
computed in f64, so that what the tests compare with has no rounding of its own; dropout is
off. Of each net the file has

    parameters   how many elements all parameters have
    state        FNV-1a, 64 bits, of "NAME SHAPE\\n" of every entry of its state dict, sorted
    evaluated    logits in evaluation, every 125th
    logits       the same in training
    loss         in training
    statistics   norms of the running means and variances after it
    gradients    of each parameter in the order of the names: the norm of its gradient, and
                 its product with numbers from the same formula
    initial      of some nets, of each parameter before it is filled: standard deviation and
                 greatest magnitude
"""

import json
import platform
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from torch import nn

from algoperf_vit import AlgoPerfVit
from generate import ResNet as CifarResNet

HERE = Path(__file__).parent
TOLERANCE = 1e-5  # of f32, relative to the greatest value or to the norm of the gradient
SIDE = 64


def fnv(text):
    """FNV-1a, 64 bits."""
    hash = 0xCBF29CE484222325
    for byte in text.encode():
        hash = (hash ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return hash


def uniform(name, shape):
    """Numbers in [-1, 1) of a name and of places: a hash of the name, and its bits spread."""
    mask = np.uint64(0xFFFFFFFF)
    key = fnv(name) >> 32
    x = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint64)
    x = (x * np.uint64(2654435761) + np.uint64(key)) & mask
    x ^= x >> np.uint64(16)
    x = x * np.uint64(0x7FEB352D) & mask
    x ^= x >> np.uint64(15)
    x = x * np.uint64(0x045D9F3B) & mask
    x ^= x >> np.uint64(16)
    return torch.from_numpy(x / 2.0**31 - 1).view(shape)


def fill(model):
    """Values in f32, which f64 holds as they are."""
    for name, variable in model.state_dict(keep_vars=True).items():
        if name.endswith("num_batches_tracked"):
            continue
        values = uniform(name, tuple(variable.shape))
        if variable.dim() >= 2:
            values *= (6 / (variable.numel() / variable.shape[0])) ** 0.5
        elif name.endswith("running_var") or name.endswith("weight"):
            values = 1 + 0.2 * values
        else:
            values *= 0.2
        with torch.no_grad():
            variable.copy_(values.float())


class CifarVgg(nn.Module):
    """VGG-19 with batch normalization and one linear layer, for pictures of 32 x 32."""

    def __init__(self):
        super().__init__()
        self.features = torchvision.models.vgg19_bn().features
        self.classifier = nn.Linear(512, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def cifar_resnet18():
    """torchvision's, with the usual stem for pictures of 32 x 32."""
    model = torchvision.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = nn.Identity()
    return model


def models():
    """Name, side of the pictures, and how to make it."""
    for depth in (18, 34, 50, 101, 152):
        yield f"resnet{depth}", SIDE, getattr(torchvision.models, f"resnet{depth}")
    for depth in (11, 13, 16, 19):
        for norm in ("", "_bn"):
            name = f"vgg{depth}{norm}"
            make = getattr(torchvision.models, name)
            yield name, SIDE, lambda make=make: make(dropout=0.0)
    yield "vit_s_16", SIDE, lambda: timm.create_model("vit_small_patch16_224", img_size=SIDE)
    yield "vit_b_16", SIDE, lambda: torchvision.models.vit_b_16(image_size=SIDE)
    yield "vit_s_16_algoperf", SIDE, AlgoPerfVit
    yield "resnet18_cifar", 32, cifar_resnet18
    yield "vgg19_bn_cifar", 32, CifarVgg
    for depth in (20, 32, 44, 56, 110):
        for shortcut in "ab":
            name = f"resnet{depth}_cifar_{shortcut}"
            yield name, 32, lambda: CifarResNet((depth - 2) // 6, shortcut=shortcut)


def computed(model, side):
    images = (3**0.5 * uniform("images", (2, 3, side, side))).float().double()
    with torch.no_grad():
        evaluated = model.eval()(images)
    logits = model.train()(images)
    loss = (logits * uniform("loss", tuple(logits.shape))).sum()
    loss.backward()
    every = max(1, logits.shape[1] // 8)
    buffers = sorted(name for name, _ in model.named_buffers() if "running_" in name)
    gradients = []
    for name, parameter in sorted(model.named_parameters()):
        direction = uniform(name, tuple(parameter.shape))
        product = (parameter.grad * direction).sum()
        gradients.append([parameter.grad.norm().item(), product.item()])
    return {
        "evaluated": evaluated[:, ::every].flatten().tolist(),
        "logits": logits.detach()[:, ::every].flatten().tolist(),
        "loss": loss.item(),
        "statistics": [model.get_buffer(name).norm().item() for name in buffers],
        "gradients": gradients,
    }


# Nets whose own initial values are looked at.
INITIAL = ("resnet18", "vgg11_bn", "vit_s_16", "vit_b_16")


def initial(model):
    parameters = (value.detach() for _, value in sorted(model.named_parameters()))
    return [[value.std(correction=0).item(), value.abs().max().item()] for value in parameters]


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return value


def golden(name, make, side):
    torch.manual_seed(0)
    model = make()
    drawn = {"initial": initial(model)} if name in INITIAL else {}
    state = sorted(f"{name} {list(value.shape)}\n" for name, value in model.state_dict().items())
    fill(model)
    values = computed(model.double(), side)
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "state": f"{fnv(''.join(state)):016x}",
        **{key: rounded(value) for key, value in (values | drawn).items()},
    }


def main():
    head = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
        "python": platform.python_version(),
        "tolerance": TOLERANCE,
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    for name, side, make in models():
        print(name, flush=True)
        lines.append(f"{json.dumps(name)}: {json.dumps(golden(name, make, side), separators=(',', ':'))}")
    (HERE / "zoo.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
