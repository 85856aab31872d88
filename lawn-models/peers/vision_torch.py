"""Images per second of training a net for pictures in PyTorch, as one line of JSON.

The same work as `cargo run --release --example vision_throughput`: torchvision's or timm's net, or
the same in PyTorch alone where these are not installed,
one batch of random pictures over and over, cross entropy, a fused optimizer. Written as a careful
PyTorch user would: channels last and autocast where asked for, gradients set to None, the loss
never read, cuDNN's benchmark on a GPU. With `--trial` it goes through epochs of pictures that lie on
the device as bytes, in an order of its own each time, cropped after padding by an eighth, flipped and
normalized there, batch by batch.
"""

import argparse
import contextlib
import json
import time

import torch
from torch import nn
from torch.nn import functional as F

from image_nets import NETS, resnet_cifar

try:
    import timm
    import torchvision
except ImportError:
    timm = torchvision = None


def net(name, classes):
    if name == "resnet_cifar":
        return resnet_cifar(20, classes)
    if torchvision is None:
        return NETS[name](classes)
    if name == "resnet18_cifar":
        model = torchvision.models.resnet18(num_classes=classes)
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        model.maxpool = nn.Identity()
        return model
    if name == "vit_s_16":
        return timm.create_model("vit_small_patch16_224", num_classes=classes)
    return torchvision.models.get_model(name, num_classes=classes)


class Pictures:
    """Random pictures on a device, cropped and flipped anew each epoch."""

    def __init__(self, count, side, classes, device):
        self.bytes = torch.randint(256, (count, 3, side, side), dtype=torch.uint8, device=device)
        self.labels = torch.randint(classes, (count,), device=device)
        self.border, self.side, self.device = side // 8, side, device
        self.mean = torch.full((1, 3, 1, 1), 127.5, device=device)
        self.deviation = torch.full((1, 3, 1, 1), 64.0, device=device)

    def batches(self, size, layout):
        for chosen in torch.randperm(len(self.bytes), device=self.device).split(size):
            yield self.cropped(chosen).contiguous(memory_format=layout), self.labels[chosen]

    def cropped(self, chosen):
        padded = F.pad(self.bytes[chosen], [self.border] * 4)
        count = len(chosen)
        draw = lambda most: torch.randint(most, (count, 1, 1), device=self.device)
        axis = torch.arange(self.side, device=self.device)
        rows = draw(2 * self.border + 1) + axis.view(1, -1, 1)
        columns = draw(2 * self.border + 1) + axis.view(1, 1, -1)
        columns = torch.where(draw(2) == 1, columns.flip(2), columns)
        number = torch.arange(count, device=self.device).view(-1, 1, 1)
        shown = padded.permute(0, 2, 3, 1)[number, rows, columns].permute(0, 3, 1, 2)
        return (shown.float() - self.mean) / self.deviation


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet18_cifar")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--rule", choices=("sgd", "adamw"), default="sgd")
    parser.add_argument("--cuda", type=int)
    parser.add_argument("--trial", action="store_true", help="epochs of pictures that are cropped and flipped")
    parser.add_argument("--images", type=int, default=12_800, help="pictures of such an epoch")
    parser.add_argument("--epochs", type=int, default=3, help="timed, after one that is not")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    device = torch.device("cpu" if options.cuda is None else f"cuda:{options.cuda}")
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    model = net(options.model, options.classes).to(device, memory_format=layout)
    if options.rule == "sgd":
        optimizer = torch.optim.SGD(
            model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4, fused=True
        )
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, fused=True)
    side, count = options.image_size, options.batch_size
    images = torch.randn(count, 3, side, side, device=device).contiguous(memory_format=layout)
    labels = torch.randint(options.classes, (count,), device=device)
    half = options.precision == "bf16"

    def region():
        return torch.autocast(device.type, torch.bfloat16) if half else contextlib.nullcontext()

    def step(images=images, labels=labels):
        optimizer.zero_grad(set_to_none=True)
        with region():
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def synchronize():
        if device.type == "cuda":
            torch.cuda.synchronize()

    if options.trial:
        pictures = Pictures(options.images, side, options.classes, device)

        def pictures_of(epochs):
            for _ in range(epochs):
                for batch in pictures.batches(count, layout):
                    loss = step(*batch)
            return loss

        warm_up, timed = lambda: pictures_of(1), lambda: pictures_of(options.epochs)
        shown = options.epochs * options.images
    else:

        def again(steps):
            loss = None
            for _ in range(steps):
                loss = step()
            return loss

        warm_up, timed = lambda: again(options.warm_up), lambda: again(options.steps)
        shown = options.steps * count
    warm_up()
    synchronize()
    started = time.perf_counter()
    loss = timed()
    synchronize()
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "implementation": f"pytorch {torch.__version__}",
                "model": options.model,
                "threads": options.threads,
                "batch_size": count,
                "images_per_second": shown / seconds,
                "train_loss": loss.item(),
            }
        )
    )


if __name__ == "__main__":
    main()
