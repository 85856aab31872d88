"""Nets for pictures beside PyTorch: images per second of training, by turns, on the same cores.

    .venv/bin/python lawn-models/peers/vision.py [--threads 2] [--cuda 0]

Model, batch, precision, layout and threads are the same on both sides. Prints the median of each
side and the median of the repeats' ratios with their range.
"""

import argparse
import sys

from turns import HERE, build, by_turns

# The net, its pictures, their classes, the rule, and the batch sizes of CPU and GPU.
NETS = [
    ("resnet18_cifar", 32, 10, "sgd", 128, 2048),
    ("resnet50", 224, 1000, "sgd", 16, 256),
    ("vit_s_16", 224, 1000, "adamw", 16, 256),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4, help="timed, after two that are not")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=[net[0] for net in NETS])
    parser.add_argument("--cuda", type=int, help="index of a CUDA device, in place of the CPU")
    options = parser.parse_args()

    ours = build("vision_throughput")
    print("net             numbers  layout         batch      lawn-models          PyTorch  ratio (range)")
    for name, side, classes, rule, small, large in NETS:
        if options.models and name not in options.models:
            continue
        for precision, layout in [("f32", "contiguous"), ("bf16", "channels last")]:
            size = small if options.cuda is None else large
            same = ["--model", name, "--image-size", side, "--classes", classes]
            same += ["--batch-size", size, "--steps", options.steps, "--rule", rule]
            same += ["--threads", options.threads, "--precision", precision]
            if layout == "channels last":
                same.append("--channels-last")
            if options.cuda is not None:
                same += ["--cuda", options.cuda]
            peer = [sys.executable, HERE / "vision_torch.py", *same]
            line = by_turns(
                [ours, *same], peer, "images_per_second", options.threads, options.repeats
            )
            print(f"{name:14}  {precision:7}  {layout:13}  {size:5}  {line}", flush=True)


if __name__ == "__main__":
    main()
