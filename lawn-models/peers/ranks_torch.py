"""Samples per second of PyTorch's DistributedDataParallel over Gloo, as one line of JSON.

The same work as `cargo run --release --example rank_throughput`: the same net and batch, Adam on all
weights, each rank a part of the batch. Written as a careful PyTorch user would: gradients are views
of DDP's buckets, the optimizer is fused, the loss never read. One batch of random samples over and
over. Started with torchrun's variables; without them there is one rank and no DDP.
"""

import argparse
import json
import os
import time

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from recommender_torch import DlrmSmall, inputs, neumf


class Block(nn.Module):
    """He et al. 2016, section 4.2, with the shortcut A."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.stride, self.more = stride, out - channels

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        if self.stride != 1 or self.more:
            x = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(x, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))
        return F.relu(x + y, inplace=True)


def resnet20():
    blocks = [Block(16, 16, 1) for _ in range(3)]
    for channels, out in ((16, 32), (32, 64)):
        blocks += [Block(channels, out, 2), Block(out, out, 1), Block(out, out, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    first = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
    return nn.Sequential(*first, *blocks, *head)


# As many rows as the generated columns of the other side have.
ROWS = 26_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("neumf", "resnet20", "dlrm_small"), default="neumf")
    parser.add_argument("--batch-size", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        dist.init_process_group("gloo")
    count = options.batch_size // ranks
    if options.model == "resnet20":
        model, features = resnet20(), [torch.randn(count, 3, 32, 32)]
        labels = torch.randint(10, (count,))
        loss_of = F.cross_entropy
    else:
        model = neumf() if options.model == "neumf" else DlrmSmall(ROWS)
        features = inputs(options.model, count, ROWS, torch.device("cpu"))
        labels = (torch.rand(count) < 0.25).float()
        loss_of = F.binary_cross_entropy_with_logits
    net = DistributedDataParallel(model, gradient_as_bucket_view=True) if ranks > 1 else model
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def run():
        started = time.perf_counter()
        for _ in range(options.steps):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(net(*features), labels)
            loss.backward()
            optimizer.step()
        return time.perf_counter() - started, loss

    run()
    seconds, loss = run()
    if int(os.environ.get("RANK", "0")) == 0:
        line = {
            "implementation": f"pytorch {torch.__version__}",
            "ranks": ranks,
            "batch_size": options.batch_size,
            "samples_per_second": options.steps * count * ranks / seconds,
            "train_loss": loss.item(),
        }
        print(json.dumps(line))
    if ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
