"""Compares the pixels of every JPEG below a folder with PIL's, bit by bit.

    .venv/bin/python lawn-models/goldens/same_as_pil.py FOLDER

Prints how many are the same, and names those that are not. It needs Pillow.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from PIL import Image

COMMAND = "cargo run --quiet --release -p lawn-models --example image_digests --".split()


def by_pil(path):
    try:
        image = Image.open(path).convert("RGB")
    except Exception as error:
        return f"- {error}"
    return f"{image.width}x{image.height} {hashlib.sha256(image.tobytes()).hexdigest()}"


def main():
    files = sorted(str(path) for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    command = sys.argv[2:] or COMMAND
    same = 0
    for start in range(0, len(files), 500):
        part = files[start : start + 500]
        said = subprocess.run([*command, *part], check=True, capture_output=True, text=True).stdout
        for line in said.splitlines():
            path, ours = line.split("\t")
            pil = by_pil(path)
            same += ours == pil
            if ours != pil:
                print(f"{path}\n  here {ours}\n  PIL  {pil}")
    print(f"{same} of {len(files)} the same")


if __name__ == "__main__":
    main()
