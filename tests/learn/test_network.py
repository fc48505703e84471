"""Values, velocities and accelerations of a network are exact, and its conditions hold."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from bioenv.errors import BioenvError
from bioenv.learn.features import Features, Periodic, Window
from bioenv.learn.network import Initial, Network

# torch's own first use of forward mode compiles decompositions by its deprecated torch.jit.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

TIME = torch.linspace(-0.3, 2.1, 17, dtype=torch.float64)
FEATURES: list[Features] = [
    Periodic(1.1, 4),
    Window(0.0, 2.0),
    Window.even(0.0, 2.0, 3.0),
    Window.geometric(0.0, 2.0, 4.0, 3),
    Window.random(0.0, 2.0, 4.0, 3, seed=1),
]
INITIAL = [None, Initial(0.2, (0.5, -1.0)), Initial(0.2, (0.5, -1.0), (2.0, 0.3))]


def _nested(network: Network, weights: Tensor, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Value and derivatives by forward mode within forward mode."""
    one = torch.ones_like(time)

    def value(t: Tensor) -> Tensor:
        return network(weights, t).value

    def velocity(t: Tensor) -> Tensor:
        return torch.func.jvp(value, (t,), (one,))[1]

    return value(time), velocity(time), torch.func.jvp(velocity, (time,), (one,))[1]


@pytest.mark.parametrize("initial", INITIAL, ids=["free", "value", "value and velocity"])
@pytest.mark.parametrize("activation", ["tanh", "sine"])
@pytest.mark.parametrize("features", FEATURES, ids=lambda f: f"{type(f).__name__}{f.count}")
def test_derivatives_equal_nested_forward_mode(
    features: Features, activation: str, initial: Initial | None
) -> None:
    network = Network(
        features, 2, (7, 5), activation, center=(1.0, -2.0), scale=(0.3, 4.0), initial=initial
    )
    weights = network.start(3) + 0.1 * torch.sin(torch.arange(network.size, dtype=torch.float64))
    for own, nested in zip(network(weights, TIME), _nested(network, weights, TIME), strict=True):
        assert own.shape == (17, 2)
        torch.testing.assert_close(own, nested, rtol=1e-11, atol=1e-11)


def test_a_periodic_network_repeats_itself_with_its_derivatives() -> None:
    network = Network(Periodic(1.1, 6), 3, (8,))
    weights = torch.randn(
        network.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    for now, later in zip(network(weights, TIME), network(weights, TIME + 2.2), strict=True):
        torch.testing.assert_close(now, later, rtol=1e-10, atol=1e-9)


def test_initial_conditions_hold_whatever_the_weights() -> None:
    initial = Initial(0.2, (0.5, -1.0), (2.0, 0.3))
    network = Network(Window.even(0.0, 2.0, 3.0), 2, (6,), initial=initial)
    weights = torch.randn(
        network.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    at = network(weights, torch.tensor([0.2], dtype=torch.float64))
    assert at.value[0].tolist() == [0.5, -1.0]
    assert at.velocity[0].tolist() == [2.0, 0.3]
    assert float(at.acceleration.abs().min()) > 1e-3  # the acceleration stays free


def test_seeds_are_a_batch() -> None:
    network = Network(Periodic(1.0, 3), 2, (4, 4))
    many = network.start(range(3))
    together = network(many, TIME)
    for row, seed in enumerate(range(3)):
        alone = network(network.start(seed), TIME)
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[row], b, rtol=1e-12, atol=1e-12)
    assert not torch.equal(many[0], many[1])
    assert torch.equal(many[0], network.start(0))


def test_one_instant_is_one_row() -> None:
    network = Network(Window.even(0.0, 2.0, 3.0), 2, (4,), initial=INITIAL[2])
    weights, seen = network.start(0), network.see(TIME)
    rows = torch.vmap(lambda one: network(weights, one))(seen)
    for a, b in zip(rows, network(weights, seen), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_network_without_hidden_layers_is_linear_in_its_weights() -> None:
    network = Network(Periodic(1.0, 3), 2, ())
    a, b = network.start(0), network.start(1)
    both = network(a + b, TIME).acceleration
    parts = network(a, TIME).acceleration + network(b, TIME).acceleration
    torch.testing.assert_close(both, parts, rtol=1e-12, atol=1e-12)


def test_a_grown_network_starts_from_what_the_features_fit() -> None:
    whole = Network(Window.even(0.0, 2.0, 3.0), 2, (4,), center=1.0, scale=(2.0, 3.0))
    linear = Network(Window.even(0.0, 2.0, 3.0), 2, (), center=1.0, scale=(2.0, 3.0))
    fitted = torch.sin(torch.arange(linear.size, dtype=torch.float64))
    grown = whole.grown(fitted, seed=1)
    # What the small new hidden layer adds is what it adds to nothing.
    added = whole(grown, TIME).value - linear(fitted, TIME).value
    bare = whole(whole.start(1), TIME).value - 1.0
    torch.testing.assert_close(added, bare, rtol=1e-10, atol=1e-10)
    with pytest.raises(BioenvError, match="linear must have"):
        whole.grown(fitted[:-1])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Periodic(0.0, 3), "period > 0"),
        (lambda: Window(1.0, 1.0), "start < end"),
        (lambda: Window(0.0, 1.0, (-2.0,)), "positive"),
        (lambda: Network(Periodic(1.0, 2), 1, (4,), "relu"), "tanh"),
        (lambda: Network(Periodic(1.0, 2), 1, (), skip=False), "skip=True"),
        (lambda: Network(Periodic(1.0, 2), 3, center=(1.0, 2.0)), "3"),
        (lambda: Network(Periodic(1.0, 2))(torch.zeros(3), TIME), "weights"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, told: str) -> None:
    with pytest.raises(BioenvError, match=told):
        make()


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import bioenv.learn, sys; print('torch' in sys.modules, dir(bioenv.learn) != [])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
