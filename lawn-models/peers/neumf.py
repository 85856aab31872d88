"""Samples per second of NeuMF training in PyTorch, as one line of JSON.

The same work as `cargo run --release --example neumf_throughput`: the same data
less one item a user, the same model (8 factors, layers 64-32-16-8), four
negatives a positive drawn anew each epoch among the items that the user has no
train pair with, all samples shuffled, Adam. Written as a careful PyTorch user
would: vectorised sampling against a bitmap, batches as slices of one shuffled
tensor, gradients set to None, the loss never read within an epoch, fused Adam.
The first epoch is warm-up and not counted. Evaluation is not part of it.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F


class NeuMF(nn.Module):
    """He et al. 2017, section 3.4, with the initial values of their code."""

    def __init__(self, users, items, factors=8, layers=(64, 32, 16, 8)):
        super().__init__()
        half = layers[0] // 2
        self.gmf_user = nn.Embedding(users, factors)
        self.gmf_item = nn.Embedding(items, factors)
        self.mlp_user = nn.Embedding(users, half)
        self.mlp_item = nn.Embedding(items, half)
        self.tower = nn.ModuleList(nn.Linear(a, b) for a, b in zip(layers, layers[1:]))
        self.output = nn.Linear(factors + layers[-1], 1)
        for table in (self.gmf_user, self.gmf_item, self.mlp_user, self.mlp_item):
            nn.init.normal_(table.weight, std=0.01)
        for layer in self.tower:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.kaiming_uniform_(self.output.weight, a=1, nonlinearity="sigmoid")
        nn.init.zeros_(self.output.bias)

    def forward(self, users, items):
        gmf = self.gmf_user(users) * self.gmf_item(items)
        hidden = torch.cat([self.mlp_user(users), self.mlp_item(items)], dim=1)
        for layer in self.tower:
            hidden = F.relu(layer(hidden), inplace=True)
        return self.output(torch.cat([gmf, hidden], dim=1)).squeeze(1)


class Epochs:
    """Draws the samples of one epoch after the other."""

    def __init__(self, path, negatives, seed):
        with open(path) as file:
            numbers = [int(word) for line in file for word in line.split("\t", 2)[:2]]
        pairs = torch.tensor(numbers).view(-1, 2)
        self.generator = torch.Generator().manual_seed(seed)
        self.counts = pairs.amax(dim=0) + 1
        # One item a user is held out for validation.
        pairs = pairs[torch.randperm(len(pairs), generator=self.generator)]
        users, order = pairs[:, 0].sort(stable=True)
        kept = torch.ones(len(pairs), dtype=torch.bool)
        kept[1:] = users[1:] == users[:-1]
        kept[0] = False
        pairs = pairs[order[kept]]
        self.users, self.items = pairs.t().contiguous()
        self.known = torch.zeros(int(self.counts[0] * self.counts[1]), dtype=torch.bool)
        self.known[self.users * int(self.counts[1]) + self.items] = True
        self.negatives = negatives

    def __len__(self):
        return len(self.users) * (1 + self.negatives)

    def draw(self):
        count = int(self.counts[1])
        users = self.users.repeat_interleave(self.negatives)
        items = torch.randint(count, (len(users),), generator=self.generator)
        again = self.known[users * count + items].nonzero().squeeze(1)
        while len(again):
            items[again] = torch.randint(count, (len(again),), generator=self.generator)
            again = again[self.known[users[again] * count + items[again]]]
        users = torch.cat([self.users, users])
        items = torch.cat([self.items, items])
        labels = torch.zeros(len(users))
        labels[: len(self.users)] = 1.0
        order = torch.randperm(len(users), generator=self.generator)
        return users[order], items[order], labels[order]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="a NAME.train.rating file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=2, help="timed, after one that is not")
    parser.add_argument("--adam", choices=("fused", "foreach", "single"), default="fused")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    epochs = Epochs(options.data, negatives=4, seed=0)
    model = NeuMF(*(int(count) for count in epochs.counts)).to(device)
    kind = {"fused": options.adam == "fused", "foreach": options.adam == "foreach"}
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, **kind)

    def synchronize():
        if device.type == "cuda":
            torch.cuda.synchronize()

    train = data = 0.0
    for epoch in range(options.epochs + 1):
        if epoch == 1:
            train = data = 0.0
        started = time.perf_counter()
        users, items, labels = (part.to(device) for part in epochs.draw())
        synchronize()
        data += time.perf_counter() - started
        started = time.perf_counter()
        total = torch.zeros((), dtype=torch.float64, device=device)
        size = options.batch_size
        batches = zip(users.split(size), items.split(size), labels.split(size))
        for batch_users, batch_items, batch_labels in batches:
            optimizer.zero_grad(set_to_none=True)
            logits = model(batch_users, batch_items)
            loss = F.binary_cross_entropy_with_logits(logits, batch_labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch_labels)
        synchronize()
        train += time.perf_counter() - started

    samples = len(epochs) * options.epochs
    print(
        json.dumps(
            {
                "implementation": f"pytorch {torch.__version__}, {options.adam} adam",
                "threads": options.threads,
                "batch_size": options.batch_size,
                "epochs": options.epochs,
                "samples_per_second": samples / (train + data),
                "samples_per_second_train": samples / train,
                "seconds_train": train,
                "seconds_data": data,
                "train_loss": (total / len(epochs)).item(),
            }
        )
    )


if __name__ == "__main__":
    main()
