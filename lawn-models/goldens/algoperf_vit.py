"""AlgoPerf's vision transformer S/16, written anew from its description.

mlcommons/algorithmic-efficiency, workload imagenet_vit: no class token, fixed positions of
sines and cosines (MoCo v3), pre-normalization, GELU by its tanh form, the mean of all tokens,
a tanh layer before the head. The names of its modules are those of its PyTorch form.
"""

import torch
from torch import nn
from torch.nn import functional as F


def positions(height, width, features):
    """[1, height * width, features]"""
    omega = 10_000 ** -(torch.arange(features // 4) / (features // 4 - 1))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (place.flatten()[:, None] * omega for place in (x, y))
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)[None]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = (
            layer(x).view(n, tokens, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        weights = torch.softmax(q @ k.transpose(2, 3) / (width // self.heads) ** 0.5, dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, tokens, width))


class Perceptron(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        return self.linear2(F.gelu(self.linear1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.layer_norm0 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention1 = Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp3 = Perceptron(width, hidden)

    def forward(self, x):
        x = x + self.self_attention1(self.layer_norm0(x))
        return x + self.mlp3(self.layer_norm2(x))


class Encoder(nn.Module):
    def __init__(self, depth, width, heads, hidden):
        super().__init__()
        self.net = nn.ModuleList([Block(width, heads, hidden) for _ in range(depth)])
        self.encoder_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x):
        for block in self.net:
            x = block(x)
        return self.encoder_norm(x)


class AlgoPerfVit(nn.Module):
    def __init__(self, classes=1000, depth=12, width=384, heads=6, hidden=1536, patch=16):
        super().__init__()
        self.conv_patch_extract = nn.Conv2d(3, width, patch, stride=patch)
        self.encoder = Encoder(depth, width, heads, hidden)
        self.pre_logits = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.conv_patch_extract(x)
        _, features, height, width = x.shape
        x = x.flatten(2).transpose(1, 2) + positions(height, width, features)
        x = self.encoder(x).mean(dim=1)
        return self.head(torch.tanh(self.pre_logits(x)))
