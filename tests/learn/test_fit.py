"""Weighted least squares: closed forms, statuses, noise, covariance, evidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.block import Packing
from bioenv.learn.features import Window
from bioenv.learn.fit import Block, Status, minimize, prior
from bioenv.learn.network import Network
from bioenv.learn.row import rows_of

F = torch.float64


def _line(count: int = 40, noise: float = 0.2, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Design (T, 3) of a parabola and noisy values (T, 1)."""
    t = torch.linspace(-1.0, 1.0, count, dtype=F)
    design = torch.stack([torch.ones_like(t), t, t**2], dim=1)
    drawn = torch.randn(count, 1, generator=torch.Generator().manual_seed(seed), dtype=F)
    return design, design @ torch.tensor([[0.5], [-1.0], [2.0]], dtype=F) + noise * drawn


def _linear(unknowns: dict[str, Tensor], point: dict[str, Tensor]) -> Tensor:
    return point["x"] @ unknowns["c"] - point["y"]


def _start() -> dict[str, Tensor]:
    return {"c": torch.zeros(3, 1, dtype=F)}


def test_a_linear_problem_has_the_closed_forms_solution_and_covariance() -> None:
    x, y = _line()
    found = minimize({"data": Block(_linear, {"x": x, "y": y}, noise=0.2)}, _start())
    assert found.ok, found.message
    exact = torch.linalg.lstsq(x, y).solution
    torch.testing.assert_close(found.unknowns["c"], exact, rtol=1e-7, atol=1e-7)
    covariance = 0.2**2 * torch.linalg.inv(x.T @ x)
    own = found.covariance(lambda unknowns: unknowns["c"])
    torch.testing.assert_close(own, covariance, rtol=1e-9, atol=1e-12)
    sums = found.deviation(lambda unknowns: x @ unknowns["c"])
    torch.testing.assert_close(sums[:, 0], (x @ covariance * x).sum(1).sqrt(), rtol=1e-9, atol=0)
    assert found.rms["data"] == pytest.approx(float((x @ exact - y).square().mean().sqrt()))
    assert found.freedom("data") == pytest.approx(40 - 3, abs=1e-6)


def test_adapted_noise_is_the_unbiased_deviation() -> None:
    x, y = _line()
    blocks = {"data": Block(_linear, {"x": x, "y": y}, noise=3.0, adapt=True)}
    found = minimize(blocks, _start())
    residual = x @ torch.linalg.lstsq(x, y).solution - y
    assert found.ok
    assert found.noise["data"] == pytest.approx(float((residual**2).sum() / (40 - 3)) ** 0.5, 1e-3)
    again = minimize(blocks, found.unknowns, noise=found.noise)
    assert again.iterations < found.iterations


def test_rosenbrock_in_its_valley() -> None:
    def valley(unknowns: dict[str, Tensor]) -> Tensor:
        x, y = unknowns["p"]
        return torch.stack([10.0 * (y - x**2), 1.0 - x])

    start = {"p": torch.tensor([-1.2, 1.0], dtype=F)}
    found = minimize({"valley": Block(valley, None)}, start, tolerance=1e-12)
    assert found.ok
    torch.testing.assert_close(found.unknowns["p"], torch.ones(2, dtype=F), rtol=1e-6, atol=1e-6)
    assert list(found.history) == sorted(found.history, reverse=True)


def test_pointwise_jacobians_give_the_gradient_of_the_whole_loss() -> None:
    network = Network(Window.even(0.0, 1.0, 3.0), 2, (4,))
    t = torch.linspace(0.0, 1.0, 9, dtype=F)

    def law(unknowns: dict[str, Tensor], point: dict[str, Tensor]) -> Tensor:
        q, v, a = network(unknowns["net"], point["seen"])
        return unknowns["mass"] * a + v * q

    blocks = {
        "law": Block(law, {"seen": network.see(t)}, noise=torch.tensor([0.5, 2.0], dtype=F)),
        "prior": prior("net", 3.0),
    }
    start = {"net": network.start(1), "mass": torch.tensor([2.0], dtype=F)}
    packing = Packing.of(start)
    x = packing.flat(start).requires_grad_(True)
    for row in rows_of(blocks, packing):
        cost = row.cost(x)
        (gradient,) = torch.autograd.grad(cost, x)
        own, slope, matrix = row.normal(x.detach())
        torch.testing.assert_close(own, cost.detach(), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(slope, gradient, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(row.diagonal(x.detach()), matrix.diagonal(), rtol=1e-9, atol=0)


def test_samples_of_weight_zero_are_not_seen() -> None:
    x, y = _line()
    wrong = y.clone()
    wrong[::4] += 100.0
    weight = torch.ones(40, dtype=F)
    weight[::4] = 0.0
    found = minimize({"data": Block(_linear, {"x": x, "y": wrong}, weight=weight)}, _start())
    seen = weight > 0
    exact = torch.linalg.lstsq(x[seen], y[seen]).solution
    torch.testing.assert_close(found.unknowns["c"], exact, rtol=1e-7, atol=1e-7)
    assert found.freedom("data") == pytest.approx(27, abs=1e-6)


def test_causal_rows_wait_for_those_before_them_and_not_at_the_end() -> None:
    x, y = _line(noise=0.01)
    packing = Packing.of(_start())
    block = Block(_linear, {"x": x, "y": y}, noise=0.1, causal=0.01)
    (row,) = rows_of({"data": block}, packing)
    at = torch.tensor([0.5, -1.0, 3.0], dtype=F)
    square = ((x @ at[:, None] - y)[:, 0] / 0.1) ** 2
    excess = (square - 9.0).clamp_min(0.0)
    expected = torch.exp(-0.01 * (torch.cumsum(excess, 0) - excess))
    torch.testing.assert_close(row.reweighted(at, 0.0, last=False).causal, expected)
    assert 0.0 < float(expected[-1]) < 0.5
    found = minimize({"data": block}, _start())
    exact = torch.linalg.lstsq(x, y).solution
    assert found.ok
    torch.testing.assert_close(found.unknowns["c"], exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("method", "iterations"), [("lbfgs", 200), ("adam", 400)])
def test_first_order_methods_reach_the_same_minimum(method: str, iterations: int) -> None:
    x, y = _line()
    blocks = {"data": Block(_linear, {"x": x, "y": y}, noise=0.2)}
    found = minimize(
        blocks, _start(), method=method, iterations=iterations, tolerance=1e-9, learning_rate=1.0
    )
    exact = torch.linalg.lstsq(x, y).solution
    assert found.ok, found.message
    torch.testing.assert_close(found.unknowns["c"], exact, rtol=1e-2, atol=1e-2)


def test_evidence_is_the_marginal_likelihood_of_a_linear_model() -> None:
    """A law on the curve is a Gaussian prior; with linear data all integrals are known."""
    x, y = _line(12)
    law = torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0], [1.0, 1.0, 3.0]], dtype=F)

    def fit(noise: float, failing: float) -> float:
        blocks = {
            "data": Block(_linear, {"x": x, "y": y}, noise=noise),
            "law": Block(_linear, {"x": law, "y": torch.ones(3, 1, dtype=F)}, noise=failing),
        }
        return minimize(blocks, _start(), tolerance=1e-12).evidence(("law",), ("c",))

    def exact(noise: float, failing: float) -> float:
        inverse = torch.linalg.inv(law)
        mean = x @ inverse @ torch.ones(3, 1, dtype=F)
        spread = failing**2 * x @ inverse @ inverse.T @ x.T + noise**2 * torch.eye(12, dtype=F)
        normal = torch.distributions.MultivariateNormal(mean[:, 0], spread)
        return float(normal.log_prob(y[:, 0]))

    settings = [(0.2, 1.0), (0.1, 1.0), (0.2, 0.1), (0.5, 5.0)]
    own, true = (np.array([one(*s) for s in settings]) for one in (fit, exact))
    np.testing.assert_allclose(own - own[0], true - true[0], rtol=1e-6)


def test_what_nothing_determines_has_no_finite_interval() -> None:
    x, y = _line()
    start = _start() | {"idle": torch.ones(1, dtype=F)}
    blocks = {"data": Block(_linear, {"x": x, "y": y})}
    found = minimize(blocks, start)
    assert float(found.deviation(lambda unknowns: unknowns["idle"])) == float("inf")
    held = minimize(blocks | {"prior": prior("idle", 0.3)}, start)
    assert float(held.deviation(lambda unknowns: unknowns["idle"])) == pytest.approx(0.3)
    assert float(held.unknowns["idle"]) == pytest.approx(0.0, abs=1e-9)


def _square_root(unknowns: dict[str, Tensor]) -> Tensor:
    return torch.sqrt(unknowns["c"][:, 0]) - 2.0


@pytest.mark.parametrize("method", ["levenberg-marquardt", "lbfgs", "adam"])
def test_a_loss_that_is_not_finite_is_a_status(method: str) -> None:
    start = {"c": torch.full((3, 1), -1.0, dtype=F)}
    found = minimize({"root": Block(_square_root, None)}, start, method=method)
    assert found.status is Status.DIVERGED
    assert torch.equal(found.unknowns["c"], start["c"])


def test_a_step_to_where_the_loss_is_not_finite_is_rejected() -> None:
    start = {"c": torch.full((3, 1), 0.01, dtype=F)}
    found = minimize({"root": Block(_square_root, None)}, start)
    assert found.ok
    expected = torch.full((3, 1), 4.0, dtype=F)
    torch.testing.assert_close(found.unknowns["c"], expected, rtol=1e-3, atol=0)


def test_large_residuals_and_short_searches_are_told() -> None:
    x, y = _line()
    points = {"x": x, "y": y}
    large = minimize({"data": Block(_linear, points, noise=0.2, accept=0.05)}, _start())
    assert large.status is Status.LARGE_RESIDUAL
    assert "data" in large.message
    short = minimize({"data": Block(_linear, points)}, _start(), iterations=1)
    assert short.status is Status.UNSETTLED
    assert not short.ok


@pytest.mark.parametrize(
    ("blocks", "start", "settings", "told"),
    [
        ({}, _start(), {"method": "newton"}, "levenberg-marquardt"),
        ({}, {"c": torch.zeros(3)}, {}, "float64"),
        ({}, {"c": torch.full((3,), float("nan"), dtype=F)}, {}, "not finite"),
        ({"p": prior("weights", 1.0)}, _start(), {}, "Available: c"),
        (
            {"d": Block(_linear, {"x": torch.ones(4, 3, dtype=F), "y": torch.ones(5, 1, dtype=F)})},
            _start(),
            {},
            "same number of rows",
        ),
        (
            {"d": Block(lambda u, p: p["x"] @ u["c"][:, 0], {"x": torch.ones(4, 3, dtype=F)})},
            _start(),
            {},
            "one axis",
        ),
    ],
)
def test_mistakes_are_named(blocks, start, settings, told: str) -> None:
    with pytest.raises(BioenvError, match=told):
        minimize(blocks, start, **settings)
