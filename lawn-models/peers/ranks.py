"""Scaling over ranks beside PyTorch's DistributedDataParallel, on the CPU over Gloo.

    .venv/bin/python lawn-models/peers/ranks.py

For each net and each side: samples per second on one rank of one thread, and on several, each on a
core of its own, with one batch size for both. Their quotient, over the number of ranks, is the
efficiency. Each repeat runs all four one after the other, so that a slow minute of the machine meets
all. Prints medians, and the median of the quotients of both efficiencies with its range. What ranks
add is the time of a step on several, less that on one over the number of ranks.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile

from turns import HERE, ROOT, build

BATCHES = {"neumf": 65_536, "resnet20": 256, "dlrm_small": 8_192}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def speed(command, ranks):
    """What rank 0 of so many says, each bound to a core."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < ranks:
        sys.exit(f"{ranks} ranks need as many cores, {len(cores)} are there")
    shared = dict(os.environ, OMP_NUM_THREADS="1")
    if ranks > 1:
        shared |= {
            "WORLD_SIZE": str(ranks),
            "LOCAL_WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "GLOO_SOCKET_IFNAME": "lo",
        }
    processes = [
        subprocess.Popen(
            [str(word) for word in command],
            cwd=ROOT,
            env=shared | ({"RANK": str(rank), "LOCAL_RANK": str(rank)} if ranks > 1 else {}),
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda rank=rank: os.sched_setaffinity(0, {cores[rank]}),
        )
        for rank in range(ranks)
    ]
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        sys.exit(f"a rank of {command} failed")
    return json.loads(said[0].splitlines()[-1])["samples_per_second"]


def line_of(side, speeds, batch_size, ranks):
    """Samples per second on one rank and on several, and what these add to a step."""
    alone, shared = (statistics.median(of) for of in zip(*speeds))
    added = 1000 * statistics.median(
        batch_size / shared - batch_size / alone / ranks for alone, shared in speeds
    )
    return (
        f"  {side:11}  {alone:11,.0f} samples/s on 1 rank, {shared:11,.0f} on {ranks}; "
        f"{added:+.2f} ms a step"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(BATCHES), default=list(BATCHES))
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    ours = build("rank_throughput")
    print("model       batch size  efficiency: lawn-models  PyTorch DDP  ratio (range)")
    for model in options.models:
        same = ["--model", model, "--batch-size", BATCHES[model], "--steps", options.steps]
        repeats = []
        with tempfile.TemporaryDirectory() as folder:
            own = [ours, "--folder", folder, *same]
            peer = [sys.executable, HERE / "ranks_torch.py", *same]
            for _ in range(options.repeats):
                alone, peer_alone = speed(own, 1), speed(peer, 1)
                shared, peer_shared = speed(own, options.ranks), speed(peer, options.ranks)
                repeats.append(((alone, shared), (peer_alone, peer_shared)))
        sides = list(zip(*repeats))
        efficiencies = [[b / a / options.ranks for a, b in side] for side in sides]
        mine, others = (statistics.median(side) for side in efficiencies)
        ratios = sorted(a / b for a, b in zip(*efficiencies))
        middle = statistics.median(ratios)
        line = f"{model:10}  {BATCHES[model]:10,}  {mine:23.2f}  {others:11.2f}"
        print(f"{line}  {middle:5.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        for name, side in zip(("lawn-models", "PyTorch DDP"), sides):
            print(line_of(name, side, BATCHES[model], options.ranks), flush=True)


if __name__ == "__main__":
    main()
