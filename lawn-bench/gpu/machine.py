"""What a device is, as one line of JSON: run by a Python that has torch."""

import json
import pathlib
import platform
import re
import sys
import time

import torch


def driver():
    try:
        text = pathlib.Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return None
    found = re.search(r"\b(\d+\.\d+(\.\d+)?)\b", text)
    return found and found.group(1)


def bandwidth(device):
    """Bytes a second, read and written, of copying 1 GiB."""
    a = torch.empty(1 << 28, device=device)
    b = torch.empty_like(a)
    best = float("inf")
    for _ in range(6):
        torch.cuda.synchronize(device)
        started = time.perf_counter()
        for _ in range(5):
            b.copy_(a)
        torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 5 * 2 * a.numel() * a.element_size() / best


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    device = sys.argv[1]
    found = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if device == "cpu":
        found.update(name=processor(), memory=0)
    else:
        if not torch.cuda.is_available():
            sys.exit("torch finds no CUDA device")
        device = torch.device(device)
        index = device.index or 0
        copied = bandwidth(device)
        about = torch.cuda.get_device_properties(index)
        found.update(
            name=about.name,
            memory=about.total_memory,
            cards=torch.cuda.device_count(),
            memory_text=f"{about.total_memory / 2**30:.0f} GiB",
            capability=f"{about.major}.{about.minor}",
            driver=driver(),
            cudnn=torch.backends.cudnn.version(),
            bandwidth=f"{copied / 1e12:.2f} TB/s",
            copied=copied,
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
