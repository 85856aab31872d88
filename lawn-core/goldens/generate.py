#!/usr/bin/env python3
"""Writes the goldens that `tests/integration/goldens.rs` holds the built-in rules to.

    .venv/bin/python lawn-core/goldens/generate.py

Every case runs a peer's optimizer for a few steps over the same weights and
gradients. `goldens.json` has the cases, each with the configuration of
lawn-core that should do the same, the versions that made them and the
tolerances; `goldens.safetensors` has the tensors:

    weight/<i>            initial weights, f64
    gradient/<step>/<i>   gradients, f64; `missing` lists those that a case leaves out
    <case>/<step>/<i>     weights after the step, f64
    <case>/evaluated/<i>  weights for evaluation after the last, f64, where they are others

The f32 cases start from these rounded to f32; their results are held to the
f64 ones.
"""

import contextlib
import importlib.metadata
import json
import math
import pathlib

import numpy
import pytorch_cpr
import pytorch_optimizer
import safetensors
import safetensors.numpy
import schedulefree
import timm
import timm.optim
import timm.optim.muon
import torch
import torch.optim._muon

HERE = pathlib.Path(__file__).parent
SHAPES = [(3, 4), (5,), (2, 3, 2, 2)]
STEPS = 6
RATE = 0.05
SEED = 20210


def adam(**rule):
    return {"kind": "adam", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, **rule}


def lamb(**rule):
    return {"kind": "lamb", "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-6, "adaptation": "when-decayed", **rule}


def lars(**rule):
    return {"kind": "lars", "momentum": 0.9, "trust_coefficient": 0.02, "epsilon": 1e-8, "adaptation": "when-decayed", **rule}


def l2(rate):
    return {"kind": "l2", "rate": rate}


def decoupled(rate):
    return {"kind": "decoupled", "rate": rate}


class ScheduleFree(schedulefree.AdamWScheduleFreeReference):
    """In training mode, as its steps have to be."""

    NAME = "schedulefree.AdamWScheduleFreeReference"

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        with contextlib.redirect_stdout(None):
            self.train()


class Cpr(pytorch_cpr.AdamCPR):
    """Of the matrices; with the numbers of each in f64, where it has f32."""

    NAME = "pytorch_cpr.AdamCPR"

    def _cuda_graph_capture_health_check(self):
        """It calls this, which torch has renamed."""

    def __init__(self, weights, **settings):
        groups = [{"params": [weight], "regularize": weight.dim() >= 2} for weight in weights]
        super().__init__(groups, foreach=False, reg_function="l2", **settings)

    def step(self):
        kept, torch.float = torch.float, torch.float64
        super().step()
        torch.float = kept

    @staticmethod
    def constraint(settings):
        bound = {settings["kappa_init_method"].replace("_", "-"): settings["kappa_init_param"]}
        rate, by = settings.get("kappa_update", 1.0), settings.get("reg_by_lr", False)
        return {"cpr": {"bound": bound, "rate": rate, "by_learning_rate": by}}


class Muon(torch.optim.Muon):
    """torch's, for the one matrix; with its iteration in f64, as bf16 is the same on no two
    machines."""

    NAME = "torch.Muon"
    MISSING = [(step, i) for step in range(STEPS) for i in (1, 2)]

    def __init__(self, weights, **settings):
        super().__init__(weights[:1], **settings)

    def step(self):
        kept, torch.Tensor.bfloat16 = torch.Tensor.bfloat16, torch.Tensor.clone
        super().step()
        torch.Tensor.bfloat16 = kept


class MuonWithAdam(timm.optim.Muon):
    """timm's, which makes matrices of filters, and has Adam for vectors; with its iteration in
    f64, and without its least size of a matrix."""

    NAME = "timm.Muon"

    def step(self):
        module = timm.optim.muon
        kept = module.zeropower_via_newtonschulz, module._is_suitable_for_muon
        module.zeropower_via_newtonschulz = lambda *arguments, **settings: kept[0](
            *arguments, **{**settings, "dtype": torch.float64}
        )
        module._is_suitable_for_muon = lambda param, **_: param.dim() >= 2
        super().step()
        module.zeropower_via_newtonschulz, module._is_suitable_for_muon = kept


class Adafactor(torch.optim.Adafactor):
    NAME = "torch.Adafactor"


NONE = {"kind": "none"}
ADAM = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8, "foreach": False}
LAMB = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-6, "foreach": False}
LARS = {"lr": RATE, "momentum": 0.9, "trust_coeff": 0.02}
NADAMW = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8, "foreach": False}
LION = {"lr": RATE, "betas": (0.9, 0.99), "foreach": False}
ADAMP = {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8}

# name, peer, its arguments, our rule, our decay, our clip
CASES = [
    ("sgd", torch.optim.SGD, {"lr": RATE}, {"kind": "sgd"}, NONE, None),
    ("sgd-momentum", torch.optim.SGD, {"lr": RATE, "momentum": 0.9}, {"kind": "sgd", "momentum": 0.9}, NONE, None),
    (
        "sgd-dampening-l2",
        torch.optim.SGD,
        {"lr": RATE, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1},
        {"kind": "sgd", "momentum": 0.8, "dampening": 0.3},
        l2(0.1),
        None,
    ),
    (
        "sgd-nesterov",
        torch.optim.SGD,
        {"lr": RATE, "momentum": 0.9, "nesterov": True},
        {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        NONE,
        None,
    ),
    ("adam", torch.optim.Adam, ADAM, adam(), NONE, None),
    ("adam-l2", torch.optim.Adam, {**ADAM, "weight_decay": 0.1}, adam(), l2(0.1), None),
    ("adamw", torch.optim.AdamW, {**ADAM, "weight_decay": 0.1}, adam(), decoupled(0.1), None),
    ("amsgrad", torch.optim.Adam, {**ADAM, "amsgrad": True}, adam(amsgrad=True), NONE, None),
    (
        "amsgradw",
        torch.optim.AdamW,
        {**ADAM, "amsgrad": True, "weight_decay": 0.1},
        adam(amsgrad=True),
        decoupled(0.1),
        None,
    ),
    ("lamb-timm", timm.optim.Lamb, {**LAMB, "weight_decay": 0.1}, lamb(), decoupled(0.1), 1.0),
    # All that the preset leaves to timm is left to it here as well.
    (
        "lamb-timm-defaults",
        timm.optim.Lamb,
        {"lr": RATE, "weight_decay": 0.1},
        {"kind": "lamb", "adaptation": "when-decayed"},
        decoupled(0.1),
        1.0,
    ),
    ("lamb-timm-no-decay", timm.optim.Lamb, {**LAMB, "weight_decay": 0.0}, lamb(), NONE, 1.0),
    (
        "lamb-timm-always-adapt",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.0, "always_adapt": True, "max_grad_norm": None},
        lamb(adaptation="always"),
        NONE,
        None,
    ),
    (
        "lamb-timm-trust-clip",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "trust_clip": True},
        lamb(trust_max=1.0),
        decoupled(0.1),
        1.0,
    ),
    (
        "lamb-timm-decoupled",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "decoupled_decay": True},
        lamb(decay_place="outside-trust"),
        decoupled(0.1),
        1.0,
    ),
    (
        "lamb-timm-plain-moments",
        timm.optim.Lamb,
        {**LAMB, "weight_decay": 0.1, "bias_correction": False, "grad_averaging": False},
        lamb(bias_correction="omitted", gradient_averaging="summed"),
        decoupled(0.1),
        1.0,
    ),
    ("lars-timm", timm.optim.Lars, {**LARS, "weight_decay": 0.1}, lars(), l2(0.1), None),
    ("lars-timm-no-decay", timm.optim.Lars, {**LARS, "weight_decay": 0.0}, lars(), NONE, None),
    (
        "lars-timm-nesterov",
        timm.optim.Lars,
        {**LARS, "weight_decay": 0.1, "nesterov": True},
        lars(nesterov=True),
        l2(0.1),
        None,
    ),
    ("nadamw", timm.optim.NAdamW, {**NADAMW, "weight_decay": 0.0}, {"kind": "nadamw", "beta2": 0.99}, NONE, None),
    ("nadamw-decay", timm.optim.NAdamW, {**NADAMW, "weight_decay": 0.1}, {"kind": "nadamw", "beta2": 0.99}, decoupled(0.1), None),
    ("lion", timm.optim.Lion, LION, {"kind": "lion"}, NONE, None),
    ("lion-decay", timm.optim.Lion, {**LION, "weight_decay": 0.1}, {"kind": "lion"}, decoupled(0.1), None),
    (
        "lion-pytorch-optimizer",
        pytorch_optimizer.Lion,
        {"lr": RATE, "betas": (0.9, 0.99), "weight_decay": 0.1, "weight_decouple": True},
        {"kind": "lion"},
        decoupled(0.1),
        None,
    ),
    # With this δ some rows, some layers and some nothing are projected.
    *(
        (
            f"adamp{suffix}-{delta}",
            timm.optim.AdamP,
            {**ADAMP, "weight_decay": 0.1, "delta": delta, "nesterov": nesterov},
            {"kind": "adamp", "beta2": 0.99, "nesterov": nesterov, "projection": {"delta": delta}},
            decoupled(0.1),
            None,
        )
        for suffix, nesterov in (("", False), ("-nesterov", True))
        for delta in (0.1, 0.6, 1.5)
    ),
    *(
        (
            f"sgdp{suffix}-{delta}",
            timm.optim.SGDP,
            {"lr": RATE, "momentum": 0.9, "weight_decay": 0.01, "delta": delta, **settings},
            {"kind": "sgdp", "projection": {"delta": delta}, **settings},
            decoupled(0.01),
            None,
        )
        for suffix, settings in (("", {}), ("-nesterov", {"nesterov": True}), ("-dampening", {"dampening": 0.3}))
        for delta in (0.1, 1.5)
    ),
    (
        "schedule-free",
        ScheduleFree,
        {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8},
        {"kind": "schedule_free", "beta2": 0.99},
        NONE,
        None,
    ),
    (
        "schedule-free-decay",
        ScheduleFree,
        {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1, "r": 1.0},
        {"kind": "schedule_free", "beta2": 0.99, "weight_power": 1.0},
        decoupled(0.1),
        None,
    ),
    (
        "schedule-free-warm-up",
        ScheduleFree,
        {"lr": RATE, "betas": (0.9, 0.99), "eps": 1e-8, "warmup_steps": 4},
        {"kind": "schedule_free", "beta2": 0.99},
        NONE,
        None,
    ),
    (
        "muon",
        Muon,
        {"lr": RATE, "momentum": 0.95, "weight_decay": 0.1},
        {"kind": "muon", "scale": "spectral"},
        decoupled(0.1),
        None,
    ),
    (
        "muon-match-adam",
        Muon,
        {"lr": RATE, "momentum": 0.95, "weight_decay": 0.1, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"},
        {"kind": "muon", "nesterov": False},
        decoupled(0.1),
        None,
    ),
    (
        "muon-with-adam",
        MuonWithAdam,
        {"lr": RATE, "weight_decay": 0.1, "eps": 1e-8, "ns_coefficients": "original", "betas": (0.9, 0.99)},
        {"kind": "muon", "beta2": 0.99, "nesterov": False},
        decoupled(0.1),
        None,
    ),
    # Its first ε by default is another for weights of other bits.
    (
        "adafactor",
        Adafactor,
        {"lr": RATE, "eps": (1e-4, 1e-3), "foreach": False},
        {"kind": "adafactor", "epsilon": 1e-4},
        NONE,
        None,
    ),
    (
        "adafactor-decay",
        Adafactor,
        {"lr": RATE, "eps": (1e-4, 1e-3), "weight_decay": 0.1, "beta2_decay": -0.5, "foreach": False},
        {"kind": "adafactor", "epsilon": 1e-4, "beta2_power": 0.5},
        decoupled(0.1),
        None,
    ),
    # Weights below ε₂, updates below D, and a rate above 1/√t from the fifth step on.
    (
        "adafactor-relative",
        Adafactor,
        {"lr": 0.5, "eps": (0.2, 2.0), "d": 1.5, "foreach": False},
        {"kind": "adafactor", "epsilon": 0.2, "least_scale": 2.0, "update_threshold": 1.5},
        NONE,
        None,
    ),
    *(
        (f"cpr-{name}", Cpr, {"lr": RATE, "betas": (0.9, 0.99), **settings}, adam(), NONE, None)
        for name, settings in {
            "warm-start": {"kappa_init_method": "warm_start", "kappa_init_param": 2},
            "dependent": {"kappa_init_method": "dependent", "kappa_init_param": 0.8},
            "uniform": {"kappa_init_method": "uniform", "kappa_init_param": 1.5, "kappa_update": 0.5},
            "by-rate": {"kappa_init_method": "uniform", "kappa_init_param": 1.5, "reg_by_lr": True},
        }.items()
    ),
]


def main():
    generator = numpy.random.Generator(numpy.random.Philox(SEED))

    def draw(shape):
        # Rounded to f32, so that both precisions start from the same numbers.
        return generator.standard_normal(shape).astype(numpy.float32).astype(numpy.float64)

    tensors = {f"weight/{i}": draw(shape) for i, shape in enumerate(SHAPES)}
    for step in range(STEPS):
        for i, shape in enumerate(SHAPES):
            # The sizes of the gradients vary, so that clipping acts on some.
            tensors[f"gradient/{step}/{i}"] = draw(shape) * math.ldexp(1.0, step % 3 - 3)
    cases = []
    for name, peer, arguments, rule, decay, clip in CASES:
        # torch counts the updates of each parameter; timm's Lamb those of the
        # group, so that only torch can tell what a missing gradient should do.
        of_torch = peer.__module__.startswith("torch.") or peer is Adafactor
        missing = getattr(peer, "MISSING", [(3, 1)] if of_torch else [])
        weights = [torch.nn.Parameter(torch.from_numpy(tensors[f"weight/{i}"].copy())) for i in range(len(SHAPES))]
        optimizer = peer(weights, **arguments)
        for step in range(STEPS):
            for i, weight in enumerate(weights):
                gradient = torch.from_numpy(tensors[f"gradient/{step}/{i}"].copy())
                weight.grad = None if (step, i) in missing else gradient
            optimizer.step()
            for i, weight in enumerate(weights):
                tensors[f"{name}/{step}/{i}"] = weight.detach().numpy().copy()
        if hasattr(optimizer, "eval"):
            with contextlib.redirect_stdout(None):
                optimizer.eval()
            for i, weight in enumerate(weights):
                tensors[f"{name}/evaluated/{i}"] = weight.detach().numpy().copy()
        schedule = {"kind": "constant", "from": arguments["lr"]}
        if length := arguments.get("warmup_steps"):
            schedule = {"kind": "warm-up", "length": length, "then": schedule}
        config = {"rule": rule, "schedule": schedule, "decay": decay, "clip_norm": clip}
        config |= getattr(peer, "constraint", lambda _: {})(arguments)
        peer_name = getattr(peer, "NAME", f"{peer.__module__.split('.')[0]}.{peer.__name__}")
        cases.append({"name": name, "peer": peer_name, "missing": missing, "config": config})

    document = {
        "versions": {
            "torch": torch.__version__,
            "timm": timm.__version__,
            "schedulefree": importlib.metadata.version("schedulefree"),
            "pytorch_cpr": importlib.metadata.version("pytorch-cpr"),
            "pytorch_optimizer": importlib.metadata.version("pytorch_optimizer"),
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
        },
        "seed": SEED,
        "steps": STEPS,
        "shapes": SHAPES,
        "tolerance": {
            # Largest |ours − peer's| / (1 + |peer's|). The formulas are the same
            # and their order of rounding is not.
            "f64": 1e-14,
            "f32": 2e-6,
        },
        "cases": cases,
    }
    (HERE / "goldens.json").write_text(json.dumps(document, indent=1) + "\n")
    safetensors.numpy.save_file(tensors, HERE / "goldens.safetensors")
    print(f"{len(cases)} cases, {len(tensors)} tensors")


if __name__ == "__main__":
    main()
