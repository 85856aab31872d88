"""Trains He et al.'s residual network for small images in PyTorch: a line of JSON an epoch.

The same recipe as the sweep file in `curve.py`: what is held out, how images are
shown, the initial values, the decay of weights of two or more dimensions alone, and the schedule.
Random numbers are PyTorch's, so curves agree as those of two seeds do.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torchvision.datasets import ImageFolder

from image_nets import resnet_cifar

PADDING = 4


def pixels(folder):
    """All images of a folder as bytes, and their classes."""
    folder = ImageFolder(folder)
    images = np.stack([np.asarray(image) for image, _ in folder])
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.tensor(folder.targets)


def hold_out(labels, fraction):
    """Indices that are trained on: of each class all but a part."""
    kept = []
    for label in labels.unique():
        own = (labels == label).nonzero().squeeze(1)
        own = own[torch.randperm(len(own))]
        kept.append(own[max(1, round(len(own) * fraction)) :])
    return torch.cat(kept)


def shown(images):
    """Each cut from its place after padding with 0, the mean, and flipped or not."""
    count, _, side, _ = images.shape
    padded = F.pad(images, (PADDING,) * 4)
    columns = torch.arange(side).expand(count, -1)
    columns = torch.where(torch.rand(count, 1) < 0.5, columns, side - 1 - columns)
    columns = columns + torch.randint(2 * PADDING + 1, (count, 1))
    rows = torch.arange(side) + torch.randint(2 * PADDING + 1, (count, 1))
    picked = torch.arange(count)[:, None, None]
    cut = padded[picked, :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--validation-fraction", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    root = options.data_root / options.data
    images, labels = pixels(root / "train")
    kept = hold_out(labels, options.validation_fraction)
    images, labels = images[kept], labels[kept]
    test_images, test_labels = pixels(root / "test")
    moments = [(one.mean(), one.std(correction=0)) for one in images.float().div(255).unbind(1)]
    mean, deviation = (torch.stack(one)[:, None, None] for one in zip(*moments))

    def normalized(images):
        images = (images / 255 - mean) / deviation
        return images.contiguous(memory_format=torch.channels_last)

    model = resnet_cifar(options.depth, int(labels.max()) + 1).to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(
        [
            {"params": [one for one in parameters if one.dim() > 1]},
            {"params": [one for one in parameters if one.dim() == 1], "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
        momentum=0.9,
        weight_decay=options.weight_decay,
    )
    steps = options.epochs * math.ceil(len(labels) / options.batch_size)
    warm = round(options.warmup * steps)

    def factor(step):
        if step < warm:
            return (step + 1) / warm
        return (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    for epoch in range(options.epochs):
        model.train()
        total = 0.0
        for batch in torch.randperm(len(labels)).split(options.batch_size):
            loss = F.cross_entropy(model(shown(normalized(images[batch]))), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        model.eval()
        right = 0
        with torch.no_grad():
            for batch in torch.arange(len(test_labels)).split(500):
                answers = model(normalized(test_images[batch])).argmax(1)
                right += (answers == test_labels[batch]).sum().item()
        line = {
            "epoch": epoch + 1,
            "train_loss": total / len(labels),
            "test_top_1": right / len(test_labels),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
