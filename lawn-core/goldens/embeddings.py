#!/usr/bin/env python3
"""Writes the goldens that `tests/integration/embeddings_goldens.rs` holds the rules of embedding tables to.

    .venv/bin/python lawn-core/goldens/embeddings.py

A table is looked up by some ids in each step, some of them more than once, and in one step by
none; the loss is the sum of <row of the id, vector>, so that the gradient of a row is the sum of
the vectors of its id. `embeddings.json` has the cases, the versions and the tolerances;
`embeddings.safetensors` has the tensors, f64:

    weight                the table, [rows, columns]
    ids/<step>            i64
    vectors/<step>        [ids, columns]
    <case>/<step>         the table after the step

SparseAdam and Adagrad are PyTorch's. Row-wise Adagrad and CowClip are no part of it; they are
written here once more from their equations, in numpy.
"""

import json
import pathlib

import numpy
import safetensors
import safetensors.numpy
import torch

HERE = pathlib.Path(__file__).parent
ROWS, COLUMNS, STEPS, RATE, SEED = 11, 5, 8, 0.05, 20212


def row_gradients(ids, vectors):
    """The gradient of each row with one, by row."""
    sums = {}
    for row, vector in zip(ids, vectors):
        sums[int(row)] = sums.get(int(row), numpy.zeros(COLUMNS)) + vector
    return sums


def cow_clip(gradients, weights, ids, ratio, zeta):
    """The equation of clip_id_norm of bytedance/LargeBatchCTR with its names, row by row."""
    clipped = {}
    for row, values in gradients.items():
        clipnorm = max(numpy.linalg.norm(weights[row]), zeta) * numpy.count_nonzero(ids == row)
        clip_t = ratio * clipnorm
        clipped[row] = values * clip_t / max(numpy.linalg.norm(values), clip_t)
    return clipped


def rowwise_adagrad(tensors, epsilon, initial, l2=0.0):
    """EXACT_ROWWISE_ADAGRAD of FBGEMM; with decay as torchrec's class has it."""
    w, s = tensors["weight"].copy(), numpy.full(ROWS, initial)
    for step in range(STEPS):
        for row, g in row_gradients(tensors[f"ids/{step}"], tensors[f"vectors/{step}"]).items():
            g = g + l2 * w[row]
            s[row] += numpy.mean(g * g)
            w[row] -= RATE * g / (numpy.sqrt(s[row]) + epsilon)
        yield w


def clipped_sgd(tensors, ratio, zeta):
    w = tensors["weight"].copy()
    for step in range(STEPS):
        ids = tensors[f"ids/{step}"]
        found = row_gradients(ids, tensors[f"vectors/{step}"])
        for row, g in cow_clip(found, w, ids, ratio, zeta).items():
            w[row] -= RATE * g
        yield w


def clipped_adam(tensors, ratio, zeta):
    """Adam of all rows, as the authors train, with PyTorch's Adam on the clipped gradient."""
    weight = torch.nn.Parameter(torch.from_numpy(tensors["weight"].copy()))
    optimizer = torch.optim.Adam([weight], lr=RATE, betas=(0.9, 0.99), eps=1e-8, foreach=False)
    for step in range(STEPS):
        ids = tensors[f"ids/{step}"]
        found = row_gradients(ids, tensors[f"vectors/{step}"])
        weight.grad = torch.zeros_like(weight)
        for row, g in cow_clip(found, weight.detach().numpy(), ids, ratio, zeta).items():
            weight.grad[row] = torch.from_numpy(g)
        optimizer.step()
        yield weight.detach().numpy()


def torch_steps(tensors, sparse, peer, **arguments):
    weight = torch.nn.Parameter(torch.from_numpy(tensors["weight"].copy()))
    optimizer = peer([weight], lr=RATE, **arguments)
    for step in range(STEPS):
        ids = torch.from_numpy(tensors[f"ids/{step}"])
        vectors = torch.from_numpy(tensors[f"vectors/{step}"])
        optimizer.zero_grad()
        rows = torch.nn.functional.embedding(ids, weight, sparse=sparse)
        (rows * vectors).sum().backward()
        optimizer.step()
        yield weight.detach().numpy()


def cases(tensors):
    """Name, peer, rule, decay, clip, whether a dense gradient and a sparse one must do it, steps."""
    none = {"kind": "none"}
    lazy = {"kind": "lazy_adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6}
    adam = {"kind": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}
    adagrad = {"kind": "adagrad", "epsilon": 1e-10, "initial_accumulator": 0.1}
    rowwise = {"kind": "rowwise_adagrad", "epsilon": 1e-8, "initial_accumulator": 0.0}
    clip = {"ratio": 0.3, "zeta": 0.5}
    both, dense = [True, True], [True, False]
    yield (
        "lazy-adam", "torch.optim.SparseAdam", lazy, none, None, both,
        torch_steps(tensors, True, torch.optim.SparseAdam, betas=(0.9, 0.99), eps=1e-6),
    )
    yield (
        "adagrad", "torch.optim.Adagrad", adagrad, none, None, both,
        torch_steps(tensors, True, torch.optim.Adagrad, eps=1e-10, initial_accumulator_value=0.1),
    )
    yield (
        "adagrad-l2", "torch.optim.Adagrad", {**adagrad, "initial_accumulator": 0.0}, {"kind": "l2", "rate": 0.1}, None, dense,
        torch_steps(tensors, False, torch.optim.Adagrad, eps=1e-10, weight_decay=0.1, foreach=False),
    )
    yield ("rowwise-adagrad", "numpy", rowwise, none, None, both, rowwise_adagrad(tensors, 1e-8, 0.0))
    yield (
        "rowwise-adagrad-l2", "numpy", {**rowwise, "epsilon": 1e-3, "initial_accumulator": 0.2}, {"kind": "l2", "rate": 0.1},
        None, both, rowwise_adagrad(tensors, 1e-3, 0.2, 0.1),
    )
    yield ("cow-clip-sgd", "numpy", {"kind": "sgd"}, none, clip, both, clipped_sgd(tensors, **clip))
    yield ("cow-clip-adam", "numpy, torch.optim.Adam", adam, none, clip, dense, clipped_adam(tensors, **clip))


def main():
    generator = numpy.random.Generator(numpy.random.Philox(SEED))

    def draw(*shape):
        # Rounded to f32, so that both precisions start from the same numbers.
        return generator.standard_normal(shape).astype(numpy.float32).astype(numpy.float64)

    # Row lengths below and above the lower bound of CowClip; rows 9 and 10 are never looked up.
    tensors = {"weight": draw(ROWS, COLUMNS) * numpy.exp2(numpy.arange(ROWS) % 4 - 3)[:, None]}
    for step in range(STEPS):
        count = 0 if step == 5 else 12
        tensors[f"ids/{step}"] = generator.integers(0, ROWS - 2, count)
        tensors[f"vectors/{step}"] = draw(count, COLUMNS)
    described = []
    for name, peer, rule, decay, clip, gradients, steps in cases(tensors):
        for step, weight in enumerate(steps):
            tensors[f"{name}/{step}"] = weight.copy()
        config = {"rule": rule, "schedule": {"kind": "constant", "from": RATE}, "decay": decay}
        if clip:
            config["cow_clip"] = clip
        described.append({"name": name, "peer": peer, "dense_and_sparse": gradients, "config": config})
    document = {
        "versions": {
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
        },
        "seed": SEED,
        "steps": STEPS,
        # Largest |ours − peer's| / (1 + |peer's|), as for the other goldens.
        "tolerance": {"f64": 1e-14, "f32": 2e-6},
        "cases": described,
    }
    (HERE / "embeddings.json").write_text(json.dumps(document, indent=1) + "\n")
    safetensors.numpy.save_file(tensors, HERE / "embeddings.safetensors")
    print(f"{len(described)} cases, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
