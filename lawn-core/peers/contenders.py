"""What the scripts beside this one share: PyTorch's optimizers, tensors for them, and tables."""

import torch

TORCH = {
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=1e-3, fused=True),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-3, foreach=True),
    "AdamW, tensor by tensor": lambda p: torch.optim.AdamW(p, lr=1e-3, foreach=False, fused=False),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True),
    "SGD foreach": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, foreach=True),
}


def parameters(shapes, device="cpu"):
    """Random parameters with random gradients, which no step changes."""
    made = [torch.nn.Parameter(torch.randn(shape, device=device)) for shape in shapes]
    for p in made:
        p.grad = torch.randn_like(p) * 0.01
    return made


def table(head, rows, markdown):
    rows = [head, *rows]
    if markdown:
        rows.insert(1, ["---"] + ["---:"] * (len(head) - 1))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths)))
        for row in rows
    )
