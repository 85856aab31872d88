"""Writes clicks.json: what the nets that predict clicks compute, by an independent PyTorch form.

    .venv/bin/python lawn-models/goldens/clicks.py

Variables are filled, and numbers rounded, as in zoo.py. Of each net the file has its configuration
as a sweep file writes it, the sizes of its data, and

    parameters   how many elements all parameters have
    logits       of 24 samples
    loss         their binary cross entropy with some labels, summed
    gradients    of each parameter in the order of the names: the norm of its gradient, and its
                 product with numbers from the same formula
"""

import json
import platform
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from zoo import fill, rounded, uniform

HERE = Path(__file__).parent
TOLERANCE = 1e-5  # of f32, relative to the greatest value or to the norm of the gradient
SAMPLES = 24


class Layer(nn.Linear):
    """A linear layer, its ReLU, and its normalization."""

    def __init__(self, inputs, outputs, relu=True, norm=False, residual=False):
        super().__init__(inputs, outputs)
        self.relu, self.residual = relu, residual
        if norm:
            self.norm = nn.LayerNorm(outputs, eps=1e-6)

    def forward(self, x):
        y = super().forward(x)
        y = F.relu(y) if self.relu else y
        y = self.norm(y) if hasattr(self, "norm") else y
        return y + x if self.residual else y


def mlp(widths, logit=False, norm=False, residual=False):
    last = len(widths) - 2 if logit else None
    layers = enumerate(zip(widths, widths[1:]))
    return nn.Sequential(
        *(
            Layer(a, b, k != last, norm and k != last, residual and 0 < k != last)
            for k, (a, b) in layers
        )
    )


class Tables(nn.Module):
    """`weight`, or `0.weight`, `1.weight`, …"""

    def __init__(self, columns, width, form="joined"):
        super().__init__()
        self.form = form
        self.starts = torch.tensor([sum(columns[:k]) for k in range(len(columns))])
        if form == "separate":
            for place, rows in enumerate(columns):
                self.add_module(str(place), nn.Embedding(rows, width))
        else:
            rows = sum(columns) if form == "joined" else max(columns)
            self.weight = nn.Parameter(torch.empty(rows, width))

    def forward(self, rows):
        if self.form == "separate":
            each = [self.get_submodule(str(k))(rows[:, k]) for k in range(rows.shape[1])]
            return torch.stack(each, dim=1)
        return F.embedding(rows + self.starts if self.form == "joined" else rows, self.weight)


class FirstOrder(nn.Module):
    def __init__(self, dense, columns, form):
        super().__init__()
        self.embedding = Tables(columns, 1, form)
        if dense:
            self.weight = nn.Parameter(torch.empty(1, dense))
        self.bias = nn.Parameter(torch.empty(1))

    def forward(self, x, rows):
        y = self.embedding(rows).sum(dim=(1, 2)) + self.bias
        return y + x @ self.weight[0] if hasattr(self, "weight") else y


class Logistic(nn.Module):
    def __init__(self, dense, columns, tables="joined"):
        super().__init__()
        self.wide = FirstOrder(dense, columns, tables)

    def forward(self, x, rows):
        return self.wide(x, rows)


class WideDeep(nn.Module):
    def __init__(self, dense, columns, width, layers, tables="joined"):
        super().__init__()
        self.wide = FirstOrder(dense, columns, tables)
        self.embedding = Tables(columns, width, tables)
        self.deep = mlp([dense + len(columns) * width, *layers])
        self.output = nn.Linear(layers[-1], 1, bias=False)

    def pairs(self, embedded):
        return 0

    def forward(self, x, rows):
        embedded = self.embedding(rows)
        features = torch.cat([embedded.flatten(1), x], dim=1)
        deep = self.output(self.deep(features)).squeeze(1)
        return self.wide(x, rows) + self.pairs(embedded) + deep


class DeepFm(WideDeep):
    def pairs(self, embedded):
        products = embedded @ embedded.transpose(1, 2)
        return products.triu(1).sum(dim=(1, 2))


class CrossLayer(nn.Module):
    def __init__(self, features, rank):
        super().__init__()
        if rank:
            self.v = nn.Parameter(torch.empty(rank, features))
            self.u = nn.Parameter(torch.empty(features, rank))
        else:
            self.weight = nn.Parameter(torch.empty(features, features))
        self.bias = nn.Parameter(torch.empty(features))

    def forward(self, first, x):
        product = x @ self.weight.T if hasattr(self, "weight") else x @ self.v.T @ self.u.T
        return first * (product + self.bias) + x


class DcnV2(nn.Module):
    def __init__(
        self, dense, columns, width, layers, cross_layers, rank=None, structure="stacked", bottom=(), tables="joined"
    ):
        super().__init__()
        self.embedding = Tables(columns, width, tables)
        self.bottom = mlp([dense, *bottom]) if dense else mlp([0])
        first = bottom[-1] if dense and bottom else dense
        features = first + len(columns) * width
        self.cross = nn.ModuleList(CrossLayer(features, rank) for _ in range(cross_layers))
        self.deep = mlp([features, *layers])
        self.parallel = structure == "parallel"
        self.output = nn.Linear((layers or [features])[-1] + features * self.parallel, 1)

    def forward(self, x, rows):
        first = torch.cat([self.bottom(x), self.embedding(rows).flatten(1)], dim=1)
        crossed = first
        for layer in self.cross:
            crossed = layer(first, crossed)
        last = torch.cat([crossed, self.deep(first)], dim=1) if self.parallel else self.deep(crossed)
        return self.output(last).squeeze(1)


class Dlrm(nn.Module):
    def __init__(
        self,
        dense,
        columns,
        width,
        bottom,
        top,
        interaction="dot",
        layer_norm=False,
        residual=False,
        tables="joined",
    ):
        super().__init__()
        self.embedding = Tables(columns, width, tables)
        self.interaction = interaction
        vectors = len(columns) + bool(dense)
        pairs = {
            "dot": vectors * (vectors - 1) // 2,
            "dot_diagonal": vectors * (vectors + 1) // 2,
            "concatenation": len(columns) * width,
        }[interaction]
        if layer_norm and interaction != "concatenation":
            self.embedding.norm = nn.LayerNorm(width, eps=1e-6)
        if dense:
            self.bottom = mlp([dense, *bottom], norm=layer_norm, residual=residual)
        features = pairs + (bottom[-1] if dense else 0)
        self.top = mlp([features, *top, 1], logit=True, norm=layer_norm, residual=residual)

    def forward(self, x, rows):
        z = self.embedding(rows)
        if hasattr(self.embedding, "norm"):
            z = self.embedding.norm(z)
        first = [self.bottom(x)] if hasattr(self, "bottom") else []
        if self.interaction == "concatenation":
            features = torch.cat([*first, z.flatten(1)], dim=1)
        else:
            z = torch.cat([*(one[:, None] for one in first), z], dim=1)
            products = torch.einsum("nik,njk->nij", z, z)
            offset = int(self.interaction == "dot")
            i, j = torch.triu_indices(z.shape[1], z.shape[1], offset)
            features = torch.cat([*first, products[:, i, j]], dim=1)
        return self.top(features).squeeze(1)


NETS = {"logistic": Logistic, "wide_deep": WideDeep, "deepfm": DeepFm, "dcn_v2": DcnV2, "dlrm": Dlrm}
COLUMNS = [7, 3, 11, 5]
DEEP = {"width": 6, "layers": [16, 8]}
CROSS = {"width": 6, "layers": [16, 8], "cross_layers": 2}
DLRM = {"width": 8, "bottom": [16, 8], "top": [16, 16]}

# Configuration, and how many dense features there are.
CASES = {
    "logistic": ({"name": "logistic"}, 3),
    "logistic without dense features": ({"name": "logistic"}, 0),
    "wide and deep": ({"name": "wide_deep", **DEEP}, 3),
    "deepfm": ({"name": "deepfm", **DEEP}, 3),
    "deepfm, separate tables": ({"name": "deepfm", "tables": "separate", **DEEP}, 3),
    "dcn-v2": ({"name": "dcn_v2", **CROSS}, 3),
    "dcn-v2, parallel": ({"name": "dcn_v2", "structure": "parallel", **CROSS}, 3),
    "dcn-v2, low rank": ({"name": "dcn_v2", "rank": 4, "bottom": [16, 6], **CROSS}, 3),
    "dcn-v2, crossing alone": ({"name": "dcn_v2", **CROSS, "layers": []}, 0),
    "dlrm": ({"name": "dlrm", **DLRM}, 3),
    "dlrm, one table": ({"name": "dlrm", "tables": "shared", **DLRM}, 3),
    "dlrm, diagonal": ({"name": "dlrm", "interaction": "dot_diagonal", **DLRM}, 3),
    "dlrm, layer norm": ({"name": "dlrm", "interaction": "dot_diagonal", "layer_norm": True, **DLRM}, 3),
    "dlrm, residual": (
        {"name": "dlrm", "interaction": "concatenation", "residual": True, **DLRM, "bottom": [8, 8]},
        3,
    ),
    "dlrm without dense features": ({"name": "dlrm", **DLRM}, 0),
}


def golden(config, dense):
    settings = {key: value for key, value in config.items() if key != "name"}
    model = NETS[config["name"]](dense, COLUMNS, **settings)
    fill(model)
    model = model.double()
    x = uniform("dense", (SAMPLES, dense)).float().double()
    place = torch.arange(SAMPLES * len(COLUMNS)).view(SAMPLES, -1)
    rows = place * 7 % torch.tensor(COLUMNS)
    labels = (torch.arange(SAMPLES) % 3 == 0).double()
    logits = model(x, rows)
    loss = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    loss.backward()
    gradients = []
    for name, parameter in sorted(model.named_parameters()):
        product = (parameter.grad * uniform(name, tuple(parameter.shape))).sum()
        gradients.append([parameter.grad.norm().item(), product.item()])
    return {
        "config": config,
        "dense": dense,
        "columns": COLUMNS,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "logits": rounded(logits.tolist()),
        "loss": rounded(loss.item()),
        "gradients": rounded(gradients),
    }


def main():
    head = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "tolerance": TOLERANCE,
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    for name, (config, dense) in CASES.items():
        text = json.dumps(golden(config, dense), separators=(",", ":"))
        lines.append(f"{json.dumps(name)}: {text}")
    (HERE / "clicks.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
