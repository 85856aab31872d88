"""Images per second of training a net for pictures in PyTorch, as one line of JSON.

The same work as `cargo run --release --example vision_throughput`: torchvision's or timm's net, or
the same in PyTorch alone where these are not installed,
one batch of random pictures over and over, cross entropy, a fused optimizer. Written as a careful
PyTorch user would: channels last and autocast where asked for, gradients set to None, the loss
never read, cuDNN's benchmark on a GPU.
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

    def step():
        optimizer.zero_grad(set_to_none=True)
        with region():
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def synchronize():
        if device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(options.warm_up):
        loss = step()
    synchronize()
    started = time.perf_counter()
    for _ in range(options.steps):
        loss = step()
    synchronize()
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "implementation": f"pytorch {torch.__version__}",
                "model": options.model,
                "threads": options.threads,
                "batch_size": count,
                "images_per_second": options.steps * count / seconds,
                "train_loss": loss.item(),
            }
        )
    )


if __name__ == "__main__":
    main()
