"""Training of networks of bodies: the loop of `bioenv.learn.estimators`, on graphs."""

from __future__ import annotations

from typing import Protocol, Self

import torch
from torch import Tensor, nn

from bioenv.learn.bodygraph.passing import Estimate
from bioenv.learn.estimators import Plan, Training
from bioenv.learn.estimators import train as train_loop

BETA = 0.5  # Seitzer M et al. 2022, ICLR: 0 is the likelihood, 1 weighs all errors alike
COEFFICIENTS = 0.03  # rate of learning of the factors that come first
PLAN = Plan(epochs=30, patience=10, batch=128, learning_rate=2e-3, weight_decay=0.0, beta=BETA)
FIRST = 400  # steps
LEAST, MOST = -16.0, 8.0  # of the log variance in squared spreads


class Samples(Protocol):
    """What can be trained on: `Graphs`, or the rows of a plain network."""

    @property
    def torque(self) -> Tensor: ...
    @property
    def acceleration(self) -> Tensor: ...
    @property
    def spread(self) -> Tensor: ...
    def __len__(self) -> int: ...
    def take(self, samples: Tensor) -> Self: ...


def target(samples: Samples, job: str) -> tuple[Tensor, Tensor]:
    """What the network is to say, and the unit of its error."""
    torque = job == "torque"
    values = samples.torque if torque else samples.acceleration
    return values, samples.spread[..., 0 if torque else 1]


def likelihood(found: Estimate, truth: Tensor, unit: Tensor, beta: float = 0.0) -> Tensor:
    """Mean negative log likelihood of a normal distribution, each term times variance^beta."""
    log_variance = (found.log_variance - 2.0 * torch.log(unit)).clamp(LEAST, MOST)
    square = huber((found.mean - truth) / unit)
    each = 0.5 * (square * torch.exp(-log_variance) + log_variance)
    return (each * torch.exp(beta * log_variance).detach()).mean()


def huber(error: Tensor, largest: float = 3.0) -> Tensor:
    """Squared errors, linear in the error beyond `largest` (Huber PJ 1964, Ann Math Stat 35:73): a
    network that begins far off would otherwise follow its few worst samples."""
    size = error.abs()
    return torch.where(size > largest, largest * (2.0 * size - largest), error.square())


def fit_network(
    network: nn.Module,
    train: Samples,
    valid: Samples,
    *,
    plan: Plan = PLAN,
    seed: int = 0,
    first: int = FIRST,
) -> Training:
    """Train in place; the weights of the epoch with the best validation likelihood stay.

    Before the first epoch, `first` steps are of the network's `coefficients` alone, if it has any
    (see `coefficients_first`).
    """
    job = str(network.job)
    if first and hasattr(network, "coefficients"):
        coefficients_first(network, train, first, plan.batch, seed)

    def loss(index: Tensor) -> Tensor:
        part = train.take(index)
        return likelihood(network(part), *target(part, job), plan.beta)

    def validate() -> float:
        return float(likelihood(run(network, valid), *target(valid, job)))

    return train_loop(network, loss, samples=len(train), validate=validate, plan=plan, seed=seed)


def coefficients_first(
    network: nn.Module, train: Samples, steps: int, batch: int, seed: int
) -> None:
    """Learn the few factors that are the same everywhere, before what varies beside them.

    Errors of accelerations count as torques here (times the inertia that the joint carries): the
    acceleration of a light foot is a small difference of large torques over a small inertia, and
    would drown everything else.
    """
    job, generator = str(network.job), torch.Generator().manual_seed(seed)
    factors = network.coefficients()  # type: ignore[operator]
    optimizer = torch.optim.Adam(factors, lr=COEFFICIENTS)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        part = train.take(torch.randint(len(train), (batch,), generator=generator))
        truth, unit = target(part, job)
        if job == "acceleration":
            unit = part.spread[..., 0] / part.carried  # type: ignore[attr-defined]
        error = huber((network(part).mean - truth) / unit, 1.0)
        optimizer.zero_grad()
        error.mean().backward()
        optimizer.step()
        schedule.step()


def error(network: nn.Module, samples: Samples) -> float:
    """Root mean squared error in units of spread, over all degrees of freedom."""
    truth, unit = target(samples, str(network.job))
    return float(((run(network, samples).mean - truth) / unit).square().mean().sqrt())


@torch.no_grad()
def run(network: nn.Module, samples: Samples, batch: int = 1024) -> Estimate:
    """The network on all samples, a batch at a time."""
    network.eval()
    parts = [network(samples.take(rows)) for rows in torch.arange(len(samples)).split(batch)]
    return Estimate(*(torch.cat(one) for one in zip(*parts, strict=True)))
