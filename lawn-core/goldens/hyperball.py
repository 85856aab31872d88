#!/usr/bin/env python3
"""Writes `hyperball.json` and `hyperball.safetensors`, in the form of `generate.py`'s, from Levanter's
AdamH: steps over the weights and gradients of `goldens.safetensors`.

    python -m venv /tmp/jax
    /tmp/jax/bin/pip install jax==0.10.2 optax==0.2.6 chex==0.1.92 numpy safetensors
    /tmp/jax/bin/pip install --no-deps marin-levanter==0.2.20.dev202606180959
    /tmp/jax/bin/python lawn-core/goldens/hyperball.py

Levanter as a whole needs a few hundred packages more. AdamH is one of its files, which needs these alone: what
the file takes from the others, to find matrices in a model by their modules, is not called here and is left out.
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import sys
import types

import jax
import numpy
import optax
import safetensors.numpy

HERE = pathlib.Path(__file__).parent
RATE = 0.05
BETAS = (0.9, 0.99)
EPSILON = 1e-8


def adamh():
    """The file of AdamH, without the rest of its package."""

    class OptimizerConfig:
        @staticmethod
        def register_subclass(_):
            return lambda config: config

    left_out = {
        "haliax": {},
        "levanter": {},
        "levanter.optim": {},
        "levanter.optim.config": {"OptimizerConfig": OptimizerConfig},
        "levanter.optim.util": {"is_linear_like_module": None, "label_linear_like_module": None},
        "levanter.utils": {},
        "levanter.utils.jax_utils": {"leaf_key_paths": None},
    }
    for name, content in left_out.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(content)
    path = importlib.metadata.distribution("marin-levanter").locate_file("levanter/optim/adamh.py")
    spec = importlib.util.spec_from_file_location("levanter.optim.adamh", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main():
    jax.config.update("jax_enable_x64", True)
    given = safetensors.numpy.load_file(HERE / "goldens.safetensors")
    document = json.loads((HERE / "goldens.json").read_text())
    steps, shapes = document["steps"], document["shapes"]
    tensors = {name: tensor for name, tensor in given.items() if name.startswith(("weight/", "gradient/"))}
    # As `AdamHConfig.build` has it: Adam for what is no matrix. More than two dimensions are layers on top of each
    # other there, of which each has a norm of its own.
    of_matrices = adamh().scale_by_adamh(*BETAS, EPSILON, RATE)
    of_others = optax.chain(optax.scale_by_adam(*BETAS, EPSILON), optax.scale(-RATE))
    for i, shape in enumerate(shapes):
        transform = of_matrices if len(shape) >= 2 else of_others
        weight = jax.numpy.asarray(given[f"weight/{i}"])
        state = transform.init(weight)
        for step in range(steps):
            update, state = transform.update(jax.numpy.asarray(given[f"gradient/{step}/{i}"]), state, weight)
            weight = optax.apply_updates(weight, update)
            tensors[f"adamh/{step}/{i}"] = numpy.array(weight)
    stacked = [f"p{i}" for i, shape in enumerate(shapes) if len(shape) > 2]
    case = {
        "name": "adamh",
        "peer": "levanter.scale_by_adamh",
        "missing": [],
        "config": {
            "rule": {"kind": "adam", "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": EPSILON},
            "schedule": {"kind": "constant", "from": RATE},
            "hyperball": {},
            "groups": [{"pattern": name, "granularity": "row"} for name in stacked],
        },
    }
    versions = {"levanter": "marin-levanter", "jax": "jax", "optax": "optax"}
    result = {
        "versions": {name: importlib.metadata.version(package) for name, package in versions.items()},
        "steps": steps,
        "shapes": shapes,
        "tolerance": document["tolerance"],
        "cases": [case],
    }
    (HERE / "hyperball.json").write_text(json.dumps(result, indent=1) + "\n")
    safetensors.numpy.save_file(tensors, HERE / "hyperball.safetensors")
    print(f"1 case, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
