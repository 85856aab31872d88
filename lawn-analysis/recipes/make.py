"""Writes the files of the recipes in README.md, as the tools that they are named after write them.

    pip install optuna==5.0.0 pandas==3.1.1 pyarrow==26.0.1
    python make.py

Optuna's and pandas' files are their own. Those of Ray, wandb and TensorBoard have the columns and the
spelling of their exports, with numbers made here.
"""

import json
import random
from pathlib import Path

import optuna
import pandas as pd

HERE = Path(__file__).parent
BATCHES = (256, 4096)
ARMS = ("adam", "adam-lawn")


def accuracy(arm, batch, seed):
    """About 0.70, less at the large batch, where the second arm loses less."""
    noise = random.Random(f"{batch} {seed}").gauss(0, 0.004) + random.Random(f"{arm} {batch} {seed}").gauss(0, 0.001)
    drop = 0 if batch == BATCHES[0] else 0.008 if arm == ARMS[1] else 0.03
    return round(0.70 + noise - drop, 4)


def cells(seeds):
    return [(arm, batch, seed) for seed in range(seeds) for batch in BATCHES for arm in ARMS]


def study():
    """A study that tries each arm and batch size with every seed; one trial is pruned, one fails."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    for arm, batch, seed in cells(8):
        study.enqueue_trial({"optimizer": arm, "batch_size": batch}, user_attrs={"seed": seed})

    def objective(trial):
        arm = trial.suggest_categorical("optimizer", ARMS)
        batch = trial.suggest_categorical("batch_size", BATCHES)
        seed = trial.user_attrs["seed"]
        if (arm, batch, seed) == (ARMS[0], BATCHES[1], 6):
            raise optuna.TrialPruned
        if (arm, batch, seed) == (ARMS[0], BATCHES[0], 7):
            raise MemoryError
        return accuracy(arm, batch, seed)

    study.optimize(objective, n_trials=len(cells(8)), catch=MemoryError)
    return study.trials_dataframe()


def wandb_table():
    rows = []
    for number, (arm, batch, seed) in enumerate(cells(8)):
        diverged = (arm, batch, seed) == (ARMS[0], BATCHES[1], 5)
        test = 100 * accuracy(arm, batch, seed)
        rows.append(
            {
                "Name": f"brisk-oak-{number}",
                "State": "crashed" if diverged else "finished",
                "Notes": "-",
                "User": "me",
                "Tags": "",
                "Created": "2024-05-01T10:00:00.000Z",
                "Runtime": "3600",
                "Sweep": "",
                "dataset": "cifar10",
                "optimizer": arm,
                "batch_size": batch,
                "seed": seed,
                "test/acc": "NaN" if diverged else f"{test:.2f}",
                "train/acc": "" if diverged else f"{test + 6:.2f}",
                "_timestamp": "1714557600.1",
            }
        )
    rows.append(rows[0] | {"Name": "late-oak", "State": "running", "seed": 8, "test/acc": "", "train/acc": ""})
    return pd.DataFrame(rows)


def ray_table():
    """`ResultGrid.get_dataframe()`: the last result of each trial. Its scheduler stopped one early."""
    rows = []
    for number, (arm, batch, seed) in enumerate(cells(8)):
        stopped = (arm, batch, seed) == (ARMS[0], BATCHES[1], 5)
        rows.append(
            {
                "test_acc": accuracy(arm, batch, seed) - (0.2 if stopped else 0),
                "timestamp": 1714557600,
                "checkpoint_dir_name": "",
                "done": not stopped,
                "training_iteration": 4 if stopped else 20,
                "trial_id": f"c0ffee_{number:05}",
                "date": "2024-05-01_10-00-00",
                "time_this_iter_s": 1.5,
                "time_total_s": 30.0,
                "hostname": "node-1",
                "config/optimizer": arm,
                "config/batch_size": batch,
                "config/seed": seed,
                "logdir": f"c0ffee_{number:05}",
            }
        )
    return pd.DataFrame(rows).round({"test_acc": 4})


def wandb_chart():
    """A panel's export: one column a run and step, and its range."""
    table = {"Step": [0, 100, 200, 300]}
    for arm, batch, seed in cells(6):
        end = accuracy(arm, batch, seed)
        curve = [round(end - 0.3 / (1 + step) ** 2, 4) for step in (0, 1, 2)] + [end]
        # A run that logged at other steps leaves its cells empty.
        curve = [None if seed == 5 and at == 1 else value for at, value in enumerate(curve)]
        name = f"{arm}-b{batch}-s{seed} - test/acc"
        table |= {name: curve, f"{name}__MIN": curve, f"{name}__MAX": curve}
    return pd.DataFrame(table)


def tensorboard():
    """Scalars of one run and tag each, as `Wall time,Step,Value` with 32-bit values."""
    for arm, batch, seed in cells(3):
        end = accuracy(arm, batch, seed)
        values = pd.Series([end - 0.2, end - 0.05, end], dtype="float32").astype("float64")
        table = pd.DataFrame({"Wall time": [1714557600.1, 1714557700.2, 1714557800.3], "Step": [0, 100, 200], "Value": values})
        table.to_csv(HERE / f"tensorboard/run-{arm}_b{batch}_s{seed}-tag-test_accuracy.csv", index=False)


def json_lines():
    with open(HERE / "runs.jsonl", "w") as file:
        for arm, batch, seed in cells(8):
            diverged = (arm, batch, seed) == (ARMS[0], BATCHES[1], 2)
            run = {
                "state": "failed" if diverged else "finished",
                "config": {"optimizer": arm, "batch_size": batch, "seed": seed, "lr": 0.001},
                "summary": {"test/acc": float("nan") if diverged else accuracy(arm, batch, seed)},
            }
            file.write(json.dumps(run) + "\n")


def pandas_tables():
    long = pd.DataFrame(
        [(arm, batch, seed, accuracy(arm, batch, seed)) for arm, batch, seed in cells(8)],
        columns=["optimizer", "bs", "seed", "acc"],
    )
    wide = long.pivot(index=["optimizer", "bs"], columns="seed", values="acc").add_prefix("acc_seed")
    wide.to_csv(HERE / "wide.csv", sep=";")
    for arm in ARMS:
        long[long.optimizer == arm].drop(columns="optimizer").to_csv(HERE / f"{arm}.tsv", sep="\t", index=False)


if __name__ == "__main__":
    trials = study()
    trials.to_csv(HERE / "optuna.csv", index=False)
    # Optuna keeps a dictionary of Python's in one column, which Parquet does not have.
    trials.drop(columns="system_attrs_fixed_params", errors="ignore").to_parquet(HERE / "optuna.parquet")
    wandb_table().to_csv(HERE / "wandb.csv", index=False, quoting=1)
    ray_table().to_csv(HERE / "ray.csv", index=False)
    wandb_chart().to_csv(HERE / "wandb-chart.csv", index=False, quoting=2)
    tensorboard()
    json_lines()
    pandas_tables()
