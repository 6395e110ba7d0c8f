"""Muon for the matrices, Adam for the rest: on a CPU every step is dear, and Muon needs fewer of them.

Muon (Keller Jordan, 2024) replaces a matrix's momentum by the nearest orthogonal matrix, found by a Newton-Schulz
iteration; scaled as in Moonlight (2025) so that one learning rate suits both kinds.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn

PLAIN = ("embedding", "conv_in", "conv_out", "probe")  # first and last layers are better off with Adam


def is_matrix(name: str, parameter: Tensor) -> bool:
    return parameter.ndim >= 2 and not any(word in name for word in PLAIN)


def orthogonal(gradient: Tensor, steps: int = 5) -> Tensor:
    """Roughly U V^T of the gradient's singular value decomposition; (m, n) in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient.bfloat16()
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Optimizer:
    """Both optimisers behind one `step(rate)`. Each process works out its share of the matrices."""

    def __init__(self, named: list[tuple[str, nn.Parameter]], decay: float = 0.01, momentum: float = 0.95) -> None:
        self.matrices = [p for name, p in named if is_matrix(name, p)]
        others = [p for name, p in named if not is_matrix(name, p)]
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0)
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.decay, self.momentum = decay, momentum
        self.rank, self.processes = dist.get_rank(), dist.get_world_size()

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        flat = torch.zeros(sum(p.numel() for p in self.matrices))
        updates = flat.split([p.numel() for p in self.matrices])
        for i, (matrix, momentum, update) in enumerate(zip(self.matrices, self.momenta, updates, strict=True)):
            if matrix.grad is None:
                continue
            momentum.lerp_(matrix.grad, 1 - self.momentum)
            if i % self.processes == self.rank:
                step = orthogonal(matrix.grad.lerp(momentum, self.momentum).flatten(1))
                update.copy_(step.flatten() * (0.2 * max(step.shape) ** 0.5))
        dist.all_reduce(flat)
        for matrix, update in zip(self.matrices, updates, strict=True):
            matrix.mul_(1 - rate * self.decay).sub_(update.view_as(matrix), alpha=rate)

    def state_dict(self) -> dict:
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def load_state_dict(self, state: dict) -> None:
        self.adam.load_state_dict(state["adam"])
        self.momenta = state["momenta"]
