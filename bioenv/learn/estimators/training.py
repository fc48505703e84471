"""The one training loop: Adam on the loss of random batches, until it stops helping.

    found = train(network, loss, samples=len(x), validate=error, plan=Plan(), seed=0)

`fit_network` is that loop for windows, with the loss of `beta_nll`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bioenv.errors import BioenvError
from bioenv.learn.estimators.networks import Gaussian


@dataclass(frozen=True)
class Plan:
    """How to train: at most `epochs` passes over the data; `patience` of them without a better
    validation end it. beta: of `beta_nll`. anneal: let the learning rate fall to a hundredth along
    half a cosine over the epochs (Loshchilov & Hutter 2017, ICLR)."""

    epochs: int = 200
    patience: int = 20
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    largest_gradient: float = 1.0
    beta: float = 0.5
    anneal: bool = False

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch) < 1 or not self.learning_rate > 0:
            raise BioenvError(
                "epochs, patience and batch must be 1 or more and learning_rate positive; got "
                f"{self.epochs}, {self.patience}, {self.batch}, {self.learning_rate}"
            )


class Training(NamedTuple):
    """What became of a training: losses by epoch, and the epoch whose weights were kept."""

    loss: tuple[float, ...]
    validation: tuple[float, ...]
    best: int


class Data(NamedTuple):
    """Scaled inputs (N, L, I), targets (N, H, O) with NaN unknown, and weights (N,)."""

    inputs: Tensor
    targets: Tensor
    weight: Tensor


def train(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    *,
    samples: int,
    validate: Callable[[], float],
    plan: Plan,
    seed: int,
) -> Training:
    """Train in place; the weights of the best validation are restored at the end.

    Args:
        loss: indices (k,) of training samples -> scalar loss with its graph.
        samples: how many there are.
        validate: loss on the validation data, without a graph.

    Raises BioenvError when the validation loss is never finite.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    cooling = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, plan.epochs, eta_min=0.01 * plan.learning_rate
    )
    losses: list[float] = []
    validation: list[float] = []
    best, kept = float("inf"), deepcopy(network.state_dict())
    epoch_of_best = -1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout draws from torch's own state
        for epoch in range(plan.epochs):
            order = torch.randperm(samples, generator=generator)
            losses.append(_epoch(network, loss, order, optimizer, plan))
            if plan.anneal:
                cooling.step()
            network.eval()
            with torch.no_grad():
                validation.append(validate())
            if validation[-1] < best:
                best, kept, epoch_of_best = validation[-1], deepcopy(network.state_dict()), epoch
            if epoch - epoch_of_best >= plan.patience:
                break
    if epoch_of_best < 0:
        raise BioenvError(
            f"training diverged: validation {validation[-1]} after {len(validation)} epochs; "
            "lower the learning rate, or look for infinite data"
        )
    network.load_state_dict(kept)
    network.eval()
    return Training(tuple(losses), tuple(validation), epoch_of_best)


def _epoch(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    order: Tensor,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
) -> float:
    """One pass over the samples in an order (n,); the mean loss met on the way."""
    network.train()
    total = 0.0
    for index in order.split(plan.batch):
        optimizer.zero_grad()
        one = loss(index)
        one.backward()
        nn.utils.clip_grad_norm_(network.parameters(), plan.largest_gradient)
        optimizer.step()
        total += float(one.detach()) * len(index)
    return total / len(order)


def fit_network(
    network: nn.Module,
    data: Data,
    valid: Data,
    plan: Plan,
    seed: int,
    disturb: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Training:
    """Train a network on windows; disturb: scaled inputs of a batch -> the same with noise.

    A network that has a method ``penalty(seen (N, L, I)) -> scalar`` has it added to its training
    loss: what it should do beside its targets (predict within the window, spare effort).
    """
    penalty = getattr(network, "penalty", None)
    generator = torch.Generator().manual_seed(seed + 1_000_003)

    def loss(index: Tensor) -> Tensor:
        seen = data.inputs[index]
        seen = seen if disturb is None else disturb(seen, generator)
        miss = beta_nll(network(seen), data.targets[index], data.weight[index], plan.beta)
        return miss if penalty is None else miss + penalty(seen)

    def validate() -> float:
        parts = torch.arange(len(valid.inputs)).split(4096)
        sums = [
            float(beta_nll(network(valid.inputs[i]), valid.targets[i], valid.weight[i], 0.0))
            * float(valid.weight[i].sum())
            for i in parts
        ]
        return sum(sums) / float(valid.weight.sum())

    return train(network, loss, samples=len(data.inputs), validate=validate, plan=plan, seed=seed)


def beta_nll(found: Gaussian, truth: Tensor, weight: Tensor, beta: float) -> Tensor:
    """Negative log likelihood, each target weighted with its variance to the power beta.

    Seitzer M, Tavakoli A, Antic D, Martius G (2022) ICLR: plain likelihood (beta 0) lets a network
    call hard samples noise instead of learning them. truth (N, H, O), NaN left out; weight (N,).
    """
    known = torch.isfinite(truth)
    miss = torch.where(known, truth, found.mean) - found.mean
    each = 0.5 * (miss.square() * torch.exp(-found.log_variance) + found.log_variance)
    if beta > 0:
        each = each * torch.exp(beta * found.log_variance.detach())
    share = known * weight[:, None, None]
    return (share * each).sum() / share.sum().clamp_min(1e-12)
