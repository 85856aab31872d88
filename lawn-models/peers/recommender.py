"""Recommenders beside PyTorch: samples per second of training, by turns, on the same cores.

    .venv/bin/python lawn-models/peers/recommender.py [--models neumf8] [--batch-sizes 256]

Net, batch, data and threads are the same on both sides; the step is included. Prints the median of
each side, the median of the repeats' ratios with their range, and the bound of the ratio: what
PyTorch would reach if a step were nothing but the matrix products of its linear layers.
"""

import argparse
import sys

from turns import HERE, build, by_turns

# The nets with their batch sizes.
NETS = {
    "neumf8": [256, 10_000, 100_000, 1_000_000],
    "neumf64": [256, 10_000, 100_000, 1_000_000],
    "dlrm_small": [4_096, 65_536],
    "dcn_v2": [4_096, 65_536],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=NETS, default=list(NETS))
    parser.add_argument("--batch-sizes", type=int, nargs="+", help="in place of each net's own")
    parser.add_argument("--rows", type=int, default=1 << 18, help="of the table of a click model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="timed, at the least a step")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="PyTorch's side by torch.compile")
    parser.add_argument("--cuda", type=int, help="index of a CUDA device, in place of the CPU")
    options = parser.parse_args()

    ours = build("recommender_throughput")
    print("net         batch size  threads      lawn-models          PyTorch  ratio (range)        bound")
    for name in options.models:
        for size in options.batch_sizes or NETS[name]:
            same = ["--model", name, "--batch-size", size, "--rows", options.rows]
            same += ["--threads", options.threads, "--seconds", options.seconds]
            if options.cuda is not None:
                same += ["--cuda", options.cuda]
            peer = [sys.executable, HERE / "recommender_torch.py", *same]
            peer += ["--compile"] if options.compile else []
            line = by_turns(
                [ours, *same], peer, "samples_per_second", options.threads, options.repeats,
                bound="samples_per_second_products",
            )
            print(f"{name:10}  {size:10,}  {options.threads:7}  {line}", flush=True)


if __name__ == "__main__":
    main()
