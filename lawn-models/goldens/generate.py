"""Writes models.json: what the models compute, by an independent PyTorch form.

    .venv/bin/python lawn-models/goldens/generate.py

Every variable is filled by a formula of its shape and of the place of its name
among the sorted names, so that no weights need to be stored. The tests fill
theirs in the same way and compare logits, the loss and the norm of its gradient.
"""

import importlib.util
import json
import math
import platform
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
TOLERANCE = 2e-5  # relative to the largest value, f32 sums in another order

spec = importlib.util.spec_from_file_location("neumf", HERE.parent / "peers" / "neumf.py")
neumf = importlib.util.module_from_spec(spec)
spec.loader.exec_module(neumf)


class Gmf(nn.Module):
    def __init__(self, users, items):
        super().__init__()
        self.gmf_user, self.gmf_item = nn.Embedding(users, 8), nn.Embedding(items, 8)
        self.output = nn.Linear(8, 1)

    def forward(self, users, items):
        return self.output(self.gmf_user(users) * self.gmf_item(items)).squeeze(1)


class Mlp(nn.Module):
    def __init__(self, users, items):
        super().__init__()
        self.mlp_user, self.mlp_item = nn.Embedding(users, 32), nn.Embedding(items, 32)
        self.tower = nn.Sequential(
            *(nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in ((64, 32), (32, 16), (16, 8)))
        )
        self.output = nn.Linear(8, 1)

    def forward(self, users, items):
        joined = torch.cat([self.mlp_user(users), self.mlp_item(items)], dim=1)
        return self.output(self.tower(joined)).squeeze(1)


class Mf(nn.Module):
    """Rendle et al. 2020, equation 3."""

    def __init__(self, users, items, factors=16):
        super().__init__()
        self.mf_user, self.mf_item = nn.Embedding(users, factors), nn.Embedding(items, factors)
        self.user_bias = nn.Parameter(torch.zeros(users))
        self.item_bias = nn.Parameter(torch.zeros(items))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, users, items):
        product = (self.mf_user(users) * self.mf_item(items)).sum(1)
        return self.bias + self.user_bias[users] + self.item_bias[items] + product


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, shortcut="a"):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.missing = stride, outputs - inputs
        if stride != 1 and shortcut == "b":
            self.shortcut = nn.Sequential()
            self.shortcut.add_module("conv", nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.shortcut.add_module("norm", nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        if hasattr(self, "shortcut"):
            x = self.shortcut(x)
        elif self.stride != 1:
            half = self.missing // 2
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.missing - half))
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, n=3, width=16, classes=10, shortcut="a"):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inputs = width
        for stage in range(3):
            outputs, blocks = width << stage, nn.Sequential()
            for place in range(n):
                stride = 2 if stage > 0 and place == 0 else 1
                blocks.add_module(f"block{place + 1}", Block(inputs, outputs, stride, shortcut))
                inputs = outputs
            self.add_module(f"stage{stage + 1}", blocks)
        self.output = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.output(x.mean(dim=(2, 3)))


def renamed(name):
    """The name of a variable in the crate's models."""
    if name in ("user_bias", "item_bias", "bias"):
        return f"mf.{name}"
    for table in ("gmf_user", "gmf_item", "mlp_user", "mlp_item", "mf_user", "mf_item"):
        if name == f"{table}.weight":
            part, side = table.split("_")
            return f"{part}.{side}_embedding"
    if name.startswith("tower."):
        _, layer, *_, last = name.split(".")
        return f"mlp.layer{int(layer) + 1}.{last}"
    return name


def fill(model):
    state = {renamed(k): v for k, v in model.state_dict(keep_vars=True).items()}
    state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    for place, name in enumerate(sorted(state)):
        variable = state[name]
        index = torch.arange(variable.numel(), dtype=torch.float64)
        wave = torch.sin(0.7 * index + place).view(variable.shape)
        if variable.dim() >= 2:
            values = wave * math.sqrt(2 / (variable.numel() / variable.shape[0]))
        elif name.endswith("running_var") or name.endswith(".weight"):
            values = 1 + 0.1 * wave
        else:
            values = 0.1 * wave
        with torch.no_grad():
            variable.copy_(values.float())
    return model


def gradient_norm(model):
    squares = (p.grad.double().square().sum() for p in model.parameters())
    return math.sqrt(sum(square.item() for square in squares))


def ncf(model):
    fill(model)
    index = torch.arange(120)
    users, items = index * 7 % 50, index * 11 % 30
    labels = (index % 5 == 0).float()
    logits = model(users, items)
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    loss.backward()
    return {
        "logits": logits[:10].tolist(),
        "loss": loss.item(),
        "gradient_norm": gradient_norm(model),
    }


def resnet(model):
    fill(model)
    index = torch.arange(4 * 3 * 16 * 16, dtype=torch.float64)
    images = torch.sin(0.05 * index).float().view(4, 3, 16, 16)
    labels = torch.tensor([0, 3, 6, 9])
    model.eval()
    evaluated = model(images)
    model.train()
    logits = model(images)
    loss = F.cross_entropy(logits, labels, reduction="sum")
    loss.backward()
    return {
        "evaluated": evaluated.flatten().tolist(),
        "logits": logits.flatten().tolist(),
        "loss": loss.item(),
        "gradient_norm": gradient_norm(model),
        "running_mean": model.norm.running_mean.tolist(),
        "running_var": model.norm.running_var.tolist(),
    }


def cross_entropy(smoothing, share):
    """The sum over six samples, whose targets are mixed as the authors of mixup write it."""
    index = torch.arange(6 * 5, dtype=torch.float64)
    logits = (3 * torch.sin(1.3 * index)).float().view(6, 5).requires_grad_()
    one, other = torch.arange(6) % 5, torch.arange(6) * 3 % 5

    def loss(labels):
        return F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="sum")

    mixed = share * loss(one) + (1 - share) * loss(other)
    mixed.backward()
    return {
        "smoothing": smoothing,
        "share": share,
        "loss": mixed.item(),
        "gradient": logits.grad.flatten().tolist(),
    }


def main():
    torch.manual_seed(0)
    goldens = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "tolerance": TOLERANCE,
        "gmf": ncf(Gmf(50, 30)),
        "mlp": ncf(Mlp(50, 30)),
        "neumf": ncf(neumf.NeuMF(50, 30)),
        "neumf_wide": ncf(neumf.NeuMF(50, 30, factors=12, layers=(20, 24, 6))),
        "mf": ncf(Mf(50, 30)),
        "resnet20": resnet(ResNet()),
        "cross_entropy": [
            cross_entropy(smoothing, share) for smoothing in (0.0, 0.1) for share in (1.0, 0.3)
        ],
    }
    (HERE / "models.json").write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main()
