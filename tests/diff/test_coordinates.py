"""Coordinates of an anatomy in torch are the anatomy's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bioenv import diff, models, paths
from bioenv.models import osim
from bioenv.models.anatomy import Anatomy
from bioenv.models.native_anatomy import NativeAnatomy

LAB = paths.lab_data()
lab = [
    pytest.mark.lab,
    pytest.mark.skipif(LAB is None, reason="the lab data are not here"),
]


@pytest.fixture(
    params=[
        "walker2d",
        pytest.param("opensim_gait_subject01/gait2392/subject01_simbody.osim", marks=lab),
        pytest.param("rajagopal2016_walk/subject_walk_scaled.osim", marks=lab),
    ],
    scope="module",
)
def anatomy(request: pytest.FixtureRequest) -> Anatomy:
    if request.param == "walker2d":
        return NativeAnatomy(models.load("walker2d"))
    assert LAB is not None
    return osim.load(LAB / request.param)


def test_maps_and_their_derivatives(anatomy: Anatomy) -> None:
    found = diff.Coordinates(anatomy)
    rng = np.random.default_rng(0)
    low, high = np.clip(anatomy.coordinate_range, -2.0, 2.0).T
    q = anatomy.couple(rng.uniform(low, high, (60, len(low))))
    v, a = rng.normal(size=(2, *q.shape))
    tau = rng.normal(size=(60, anatomy.mj.nv))
    tq, tv, ta, ttau = map(torch.tensor, (q, v, a, tau))

    for mine, his, most in zip(found.expand(tq, tv, ta), anatomy.expand(q, v, a),
                               (1e-7, 1e-5, 2e-2), strict=True):  # fmt: skip
        # A spline's third derivative jumps at knots that need not be ours.
        np.testing.assert_allclose(mine.numpy(), his, atol=most)
    slope = anatomy.jacobian(q)
    reduced = np.einsum("tji,tj->ti", slope, tau)
    np.testing.assert_allclose(found.reduce(tq, ttau).numpy(), reduced, atol=1e-5)
    np.testing.assert_allclose(found.couple(tq).q.numpy(), q, atol=1e-9)
    kept = np.einsum("tik,ti->tk", anatomy.reduction(q), reduced)
    free = found.independent_forces(tq, torch.tensor(reduced)).numpy()
    np.testing.assert_allclose(free, kept, atol=1e-7)


def test_rates_are_derivatives_of_values(anatomy: Anatomy) -> None:
    """Along a curve q(t), qvel and qacc are the derivatives of qpos(t)."""
    found = diff.Coordinates(anatomy)
    middle = torch.tensor(np.clip(anatomy.coordinate_range, -1.5, 1.5).mean(axis=1))
    t = torch.linspace(0.0, 1.0, 11, dtype=torch.float64, requires_grad=True)
    swing = 0.2 * torch.sin(3.0 * t[:, None] + torch.arange(len(middle)))
    q = middle + swing
    v = 0.6 * torch.cos(3.0 * t[:, None] + torch.arange(len(middle)))
    state = found.expand(*found.couple(q, v, -9.0 * swing))
    for joint in range(state.q.shape[1]):
        (rate,) = torch.autograd.grad(state.q[:, joint].sum(), t, create_graph=True)
        (change,) = torch.autograd.grad(state.v[:, joint].sum(), t, retain_graph=True)
        torch.testing.assert_close(rate.detach(), state.v[:, joint].detach(), rtol=0, atol=1e-8)
        torch.testing.assert_close(change, state.a[:, joint].detach(), rtol=0, atol=1e-6)
