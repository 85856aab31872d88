"""Writes transforms/: how torchvision cuts images, and how PIL resizes them.

    .venv/bin/python lawn-models/goldens/transforms.py

`boxes.json` has the random numbers of torch that `RandomResizedCrop` drew, and the parts it chose
by them; the sizes that `Resize` gives, and the middles that `CenterCrop` cuts. The PNG files are
images resized by PIL; the test makes the same inputs by the formula of `picture`.
It needs torchvision, which brings Pillow.
"""

import json
from pathlib import Path
from unittest import mock

import numpy
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, RandomResizedCrop, Resize
from torchvision.transforms import functional

HERE = Path(__file__).parent / "transforms"

# kind, input height and width, output height and width
RESIZED = [
    ("checkerboard", 150, 200, 23, 37),
    ("checkerboard", 64, 64, 32, 32),
    ("waves", 60, 80, 24, 24),
    ("waves", 20, 15, 41, 33),
    ("waves", 941, 17, 10, 17),
    ("waves", 17, 941, 17, 10),
    ("waves", 1, 1, 5, 7),
    ("noise", 120, 90, 56, 56),
]


def picture(kind, height, width):
    y, x, c = numpy.mgrid[:height, :width, :3]
    if kind == "checkerboard":
        values = 255 * ((x + y) % 2)
    elif kind == "waves":
        values = (x * 7 + y * 3 + c * 50) % 256
    else:
        values = (x * 40_503 + y * 30_011 + c * 12_345) % 65_521 % 256
    return Image.fromarray(values.astype("uint8"))


def random_box(height, width, smallest, seed):
    """The part, with every random number that it was chosen by, in order."""
    drawn = []
    uniform, randint = torch.Tensor.uniform_, torch.randint

    def told_uniform(tensor, start=0.0, end=1.0):
        state = torch.get_rng_state()
        drawn.append(["unit", torch.rand(1).item()])
        torch.set_rng_state(state)
        return uniform(tensor, start, end)

    def told_randint(*arguments, **options):
        number = randint(*arguments, **options)
        drawn.append(["below", number.item()])
        return number

    torch.manual_seed(seed)
    image = torch.empty(3, height, width)
    with mock.patch.object(torch.Tensor, "uniform_", told_uniform):
        with mock.patch.object(torch, "randint", told_randint):
            top, left, part_height, part_width = RandomResizedCrop.get_params(
                image, [smallest, 1.0], [3 / 4, 4 / 3]
            )
    part = [int(side) for side in (top, left, part_height, part_width)]
    return {"size": [height, width], "smallest": smallest, "drawn": drawn, "part": part}


def centre(height, width, side):
    """The rows and columns that are cut out, told by an image of their numbers."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    part = CenterCrop(side)(torch.stack([y, x]))
    return {"size": [height, width], "side": side, "start": part[:, 0, 0].tolist()}


def main():
    HERE.mkdir(exist_ok=True)
    sizes = [(375, 500), (500, 375), (224, 224), (64, 900), (900, 64), (33, 57)]
    boxes = [
        random_box(*size, smallest, seed)
        for size in sizes
        for smallest in (0.08, 0.35)
        for seed in range(12)
    ]
    # So long that no part has an allowed ratio.
    boxes += [random_box(*size, 0.9, 0) for size in ((5, 100), (100, 5))]
    resized = [
        {
            "size": list(size),
            "side": side,
            "resized": list(functional.get_image_size(Resize(side)(Image.new("L", size[::-1]))))[::-1],
        }
        for size in [*sizes, (256, 301), (301, 256)]
        for side in (256, 40)
    ]
    centres = [
        centre(*size, side)
        for size, side in [((256, 341), 224), ((256, 256), 224), ((257, 300), 224), ((41, 42), 40), ((43, 45), 40)]
    ]
    golden = {
        "torchvision": torchvision.__version__,
        "pillow": PIL.__version__,
        "random": boxes,
        "resized": resized,
        "centres": centres,
    }
    text = json.dumps(golden).replace('{"size"', '\n{"size"')
    (HERE / "boxes.json").write_text(text + "\n")
    for kind, height, width, to_height, to_width in RESIZED:
        name = f"{kind}-{height}x{width}-{to_height}x{to_width}.png"
        for begin, filter in (("", Image.Resampling.BILINEAR), ("bicubic-", Image.Resampling.BICUBIC)):
            image = picture(kind, height, width).resize((to_width, to_height), filter)
            image.save(HERE / f"{begin}{name}", optimize=True)


if __name__ == "__main__":
    main()
