"""Writes transforms/policies.json: what torchvision's RandAugment and TrivialAugment make of images of PIL.

    .venv/bin/python lawn-models/goldens/policies.py

For each operation of a policy it has the magnitudes of torch, and the SHA-256 of the pixels that
all of them give, one image after another, with both signs; and for some seeds the random numbers
that were drawn, in order, and the SHA-256 of what came of them. The test makes the same inputs by
the formula of `picture` in transforms.py. It needs torchvision, which brings Pillow.
"""

import hashlib
import json
from unittest import mock

import PIL
import torch
import torchvision
from torchvision.transforms import InterpolationMode, RandAugment, TrivialAugmentWide
from torchvision.transforms.autoaugment import _apply_op

from transforms import HERE, picture

# kind, height, width, fill
PICTURES = [("waves", 40, 56, 0), ("noise", 33, 33, 128), ("checkerboard", 17, 24, 7), ("waves", 2, 5, 200)]


def digest(images):
    whole = hashlib.sha256()
    for image in images:
        whole.update(image.tobytes())
    return whole.hexdigest()


def applied(policy, kind, height, width, fill):
    image = picture(kind, height, width)
    if policy == "randaugment":
        space = RandAugment()._augmentation_space(31, (height, width))
    else:
        space = TrivialAugmentWide()._augmentation_space(31)
    for operation, (magnitudes, signed) in space.items():
        magnitudes = [float(one) for one in magnitudes.reshape(-1)]
        signs = (1.0, -1.0) if signed else (1.0,)
        made = [
            _apply_op(image, operation, sign * magnitude, InterpolationMode.NEAREST, [fill] * 3)
            for magnitude in magnitudes
            for sign in signs
        ]
        yield {
            "policy": policy,
            "picture": [kind, height, width],
            "fill": fill,
            "operation": operation,
            "magnitudes": magnitudes,
            "sha256": digest(made),
        }


def drawn(name, policy, kind, height, width, fill, seed):
    numbers, randint = [], torch.randint

    def told(*arguments, **options):
        number = randint(*arguments, **options)
        numbers.append(number.item())
        return number

    torch.manual_seed(seed)
    with mock.patch.object(torch, "randint", told):
        made = policy(picture(kind, height, width))
    return {
        "policy": name,
        "picture": [kind, height, width],
        "drawn": numbers,
        "sha256": digest([made]),
    }


def main():
    operations = [
        case for policy in ("randaugment", "trivialaugment") for shown in PICTURES for case in applied(policy, *shown)
    ]
    policies = []
    for shown in PICTURES[:2]:
        fill = shown[-1]
        for n, m in ((2, 9), (3, 30)):
            name = {"policy": "randaugment", "n": n, "m": m, "fill": fill}
            policy = RandAugment(n, m, fill=[fill] * 3)
            policies += [drawn(name, policy, *shown, seed) for seed in range(20)]
        name = {"policy": "trivialaugment", "fill": fill}
        policy = TrivialAugmentWide(fill=[fill] * 3)
        policies += [drawn(name, policy, *shown, seed) for seed in range(20)]
    golden = {
        "torchvision": torchvision.__version__,
        "pillow": PIL.__version__,
        "operations": operations,
        "policies": policies,
    }
    text = json.dumps(golden).replace('{"policy": "', '\n{"policy": "').replace('{"policy": {', '\n{"policy": {')
    (HERE / "policies.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
