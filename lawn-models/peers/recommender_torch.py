"""Samples per second of training a recommender in PyTorch, as one line of JSON.

The same work as `cargo run --release --example recommender_throughput`: the same net, a few
batches of random samples over and over, binary cross entropy, Adam on all weights. Written as a
careful PyTorch user would: rows and pairs by `index_select`, whose backward pass is the fastest
there is, one table for all columns, ReLU in place, gradients set to None, the loss never read, fused
Adam.
"""

import argparse
import json
import math
import time

import torch
from torch import nn
from torch.nn import functional as F

from neumf import NeuMF

MOVIELENS = 6_040, 3_706
DENSE, COLUMNS = 13, 26
BATCHES = 3


class Table(nn.Embedding):
    def forward(self, rows):
        return self.weight.index_select(0, rows.flatten()).view(*rows.shape, -1)


def neumf(**sizes):
    model = NeuMF(*MOVIELENS, **sizes)
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            module.__class__ = Table
    return model


def mlp(widths, logit=False):
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[: len(layers) - logit])


class DlrmSmall(nn.Module):
    """AlgoPerf's, with as many rows as one asks for."""

    def __init__(self, rows):
        super().__init__()
        self.embedding = Table(rows, 128)
        nn.init.uniform_(self.embedding.weight, 0, rows**-0.5)
        self.bottom = mlp([DENSE, 512, 256, 128])
        self.top = mlp([506, 1024, 1024, 512, 256, 1], logit=True)
        i, j = torch.triu_indices(COLUMNS + 1, COLUMNS + 1)
        self.register_buffer("pairs", i * (COLUMNS + 1) + j)

    def forward(self, dense, rows):
        x = self.bottom(dense)
        z = torch.cat([x.unsqueeze(1), self.embedding(rows)], dim=1)
        products = torch.bmm(z, z.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        return self.top(torch.cat([x, products], dim=1)).squeeze(1)


class DcnV2(nn.Module):
    """Three full cross layers on embeddings of 16, and 1024-512-256 behind them."""

    def __init__(self, rows):
        super().__init__()
        features = DENSE + COLUMNS * 16
        self.embedding = Table(rows, 16)
        nn.init.uniform_(self.embedding.weight, -(rows**-0.5), rows**-0.5)
        self.cross = nn.ModuleList(nn.Linear(features, features) for _ in range(3))
        self.deep = mlp([features, 1024, 512, 256, 1], logit=True)

    def forward(self, dense, rows):
        first = torch.cat([dense, self.embedding(rows).flatten(1)], dim=1)
        x = first
        for layer in self.cross:
            x = torch.addcmul(x, first, layer(x))
        return self.deep(x).squeeze(1)


NETS = {
    "neumf8": lambda rows: neumf(),
    "neumf64": lambda rows: neumf(factors=64, layers=(256, 256, 128, 64)),
    "dlrm_small": DlrmSmall,
    "dcn_v2": DcnV2,
}


def inputs(name, count, rows, device):
    """Small row numbers are the frequent ones: the probability of a row falls as 1 / (row + 1)."""
    if name.startswith("neumf"):
        return [torch.randint(bound, (count,), device=device) for bound in MOVIELENS]
    found = (torch.rand(count, COLUMNS, device=device) * math.log(rows)).exp().long() - 1
    return [torch.randn(count, DENSE, device=device), found.clamp_(0, rows - 1)]


def seconds_of_products(model, features, repeats):
    """Of one step's matrix products alone, in libtorch's f32, results written over each other.

    A step that multiplies the same matrices takes at least as long, whatever else it saves. The
    products of DLRM's pairs are left out.
    """
    products = []

    def remember(layer, inputs, output):
        products.append((inputs[0], layer, torch.randn_like(output), inputs[0].requires_grad))

    hooks = [
        layer.register_forward_hook(remember)
        for layer in model.modules()
        if isinstance(layer, nn.Linear) and layer.out_features > 1
    ]
    model(*features)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        work = [
            (x.detach(), layer.weight.detach(), layer.bias.detach(), gradient, wanted)
            for x, layer, gradient, wanted in products
        ]
        # Results have a place already, so that no page of memory is asked for.
        out = [
            (torch.empty_like(gradient), torch.empty_like(x), torch.empty_like(weight))
            for x, weight, _, gradient, _ in work
        ]
        for number in range(repeats + 1):
            if number == 1:
                started = time.perf_counter()
            for (x, weight, bias, gradient, wanted), (y, x_gradient, w_gradient) in zip(work, out):
                torch.addmm(bias, x, weight.t(), out=y)
                torch.mm(gradient.t(), x, out=w_gradient)
                if wanted:
                    torch.mm(gradient, weight, out=x_gradient)
        if gradient.is_cuda:
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / repeats


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=NETS, default="neumf8")
    parser.add_argument("--batch-size", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1 << 18)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--cuda", type=int)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device("cpu" if options.cuda is None else f"cuda:{options.cuda}")
    model = NETS[options.model](options.rows).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(model) if options.compile else model
    count = options.batch_size
    batches = [
        (
            inputs(options.model, count, options.rows, device),
            (torch.rand(count, device=device) < 0.25).float(),
        )
        for _ in range(BATCHES)
    ]

    def run(steps):
        started = time.perf_counter()
        for number in range(steps):
            features, labels = batches[number % BATCHES]
            optimizer.zero_grad(set_to_none=True)
            loss = F.binary_cross_entropy_with_logits(forward(*features), labels)
            loss.backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started, loss

    run(1)
    # A step that takes long is measured by itself.
    steps = 1
    seconds, loss = run(steps)
    if seconds < options.seconds:
        steps = min(max(int(options.seconds / seconds), 1), 20_000)
        seconds, loss = run(steps)
    features = batches[0][0]
    once = seconds_of_products(model, features, 1)
    products = seconds_of_products(model, features, max(int(options.seconds / 2 / once), 1))
    print(
        json.dumps(
            {
                "implementation": f"pytorch {torch.__version__}",
                "threads": options.threads,
                "batch_size": count,
                "steps": steps,
                "samples_per_second": steps * count / seconds,
                "samples_per_second_products": count / products,
                "train_loss": loss.item(),
            }
        )
    )


if __name__ == "__main__":
    main()
