"""Activation dynamics in torch against the ODE it steps, and against its promises."""

from __future__ import annotations

import numpy as np
import torch
from scipy.integrate import solve_ivp

from bioenv.learn.sequences.activation import ACTIVATION_S, DEACTIVATION_S, activation

UP, DOWN = torch.tensor([ACTIVATION_S]).double(), torch.tensor([DEACTIVATION_S]).double()


def rate(u: float, a: float) -> float:
    """Thelen 2003, written anew."""
    shape = 0.5 + 1.5 * a
    tau = ACTIVATION_S * shape if u > a else DEACTIVATION_S / shape
    return (u - a) / tau


def test_follows_the_equation_and_converges_with_the_step():
    def drive(t: float) -> float:
        return 0.5 + 0.45 * np.sin(2 * np.pi * 2.0 * t)

    fine = solve_ivp(
        lambda t, a: [rate(drive(t), a[0])], (0, 1), [0.5], rtol=1e-9, atol=1e-11, max_step=1e-3,
        dense_output=True,
    )  # fmt: skip
    errors = []
    for step in (0.004, 0.002, 0.001):
        time = np.arange(0, 1 + step / 2, step)
        u = torch.tensor(drive(time))[:, None]
        a = activation(u, step, UP, DOWN)[:, 0].numpy()
        errors.append(np.abs(a - fine.sol(time)[0]).max())
    assert errors[-1] < 5e-3
    # First order: half the step, half the error.
    assert 1.7 < errors[0] / errors[1] < 2.3
    assert 1.7 < errors[1] / errors[2] < 2.3


def test_stays_between_zero_and_one_and_never_passes_the_drive_at_any_step():
    u = torch.rand(7, 60, 3, generator=torch.Generator().manual_seed(0)).double()
    for step in (1e-4, 0.02, 1.0, 100.0):
        a = activation(u, step, UP.expand(3), DOWN.expand(3))
        assert float(a.min()) >= 0.0
        assert float(a.max()) <= 1.0
        before, now, drive = a[:, :-1], a[:, 1:], u[:, 1:]
        low, high = torch.minimum(before, drive), torch.maximum(before, drive)
        assert bool(((now >= low - 1e-12) & (now <= high + 1e-12)).all())
    # A step of many time constants arrives.
    assert torch.allclose(a, u)


def test_rises_faster_than_it_falls():
    up = activation(torch.cat([torch.zeros(1, 1), torch.ones(3, 1)]).double(), 0.01, UP, DOWN)
    down = activation(torch.cat([torch.ones(1, 1), torch.zeros(3, 1)]).double(), 0.01, UP, DOWN)
    risen, fallen = float(up[-1]), 1.0 - float(down[-1])
    assert risen > fallen + 0.2


def test_gradient_agrees_with_differences():
    u = torch.rand(20, 2, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: activation(x, 0.02, UP, DOWN)[-1], (u,))
