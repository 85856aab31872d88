"""Writes evaluation/: five images, and what torchvision's ResNet-18 answers to them.

    .venv/bin/python lawn-models/goldens/evaluation.py

The images lie as a data set has them, val/CLASS/NAME, one a class. They are read by PIL and go
through torchvision's transforms for its published accuracies: Resize(256), CenterCrop(224),
ToTensor, Normalize. Each has a fine checkerboard in it, which a resize without antialiasing
would show. The weights are the formula of zoo.py, so that none need to be stored; sums are
taken in f64. It needs Pillow.
"""

import json
import platform
import shutil
from pathlib import Path

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms

from zoo import fill

HERE = Path(__file__).parent / "evaluation"
TOLERANCE = 1e-4  # relative to the greatest logit

TRANSFORM = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)


def picture(width, height, phase):
    """Colours that change smoothly, and a checkerboard of single pixels in the middle."""
    y, x = numpy.mgrid[:height, :width]
    red = 128 + 100 * numpy.sin(x / 17 + phase)
    green = 255 * y / height
    blue = 128 + 100 * numpy.cos((x + y) / 29 - phase)
    image = numpy.stack([red, green, blue], -1)
    top, left = height // 3, width // 3
    board = ((x + y) % 2 * 255)[top : 2 * top, left : 2 * left]
    image[top : 2 * top, left : 2 * left] = board[..., None]
    return Image.fromarray(image.astype("uint8"))


def images():
    """Name, image, and how it is saved."""
    yield "wide.jpg", picture(400, 300, 0), {"quality": 90}
    yield "tall.jpg", picture(270, 381, 1), {"quality": 85, "subsampling": 0, "progressive": True}
    yield "grey.jpg", picture(301, 257, 2).convert("L"), {"quality": 90}
    yield "cmyk.jpg", picture(320, 290, 3).convert("CMYK"), {"quality": 85}
    yield "small.png", picture(96, 64, 4), {"optimize": True}


def main():
    shutil.rmtree(HERE / "val", ignore_errors=True)
    for place, (name, image, options) in enumerate(images()):
        folder = HERE / "val" / f"class{place}"
        folder.mkdir(parents=True)
        image.save(folder / name, **options)
    data = torchvision.datasets.ImageFolder(HERE / "val", TRANSFORM)
    batch = torch.stack([image for image, _ in data])
    model = torchvision.models.resnet18(num_classes=len(data.classes))
    fill(model)
    with torch.no_grad():
        logits = model.double().eval()(batch.double())
    golden = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "pillow": PIL.__version__,
        "python": platform.python_version(),
        "tolerance": TOLERANCE,
        "logits": [[float(f"{value:.9g}") for value in row] for row in logits.tolist()],
    }
    (HERE / "logits.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
