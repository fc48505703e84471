"""ElbowPINN against its rivals and against the bound, and what each part of it is worth.

    python benchmarks/elbow_pinn.py                 # all tables, 5 to 7 minutes on one core
    python benchmarks/elbow_pinn.py --only rivals --seeds 20

A joint of 0.08 kg m^2, 0.3 N m s/rad and 4 N m/rad (1.1 Hz, damping ratio 0.27), moved for 4 s by a
known torque. 30 angles, noise 5 % of their standard deviation, unless a table says otherwise. Every
figure is "median / worst" over the seeds; errors of parameters in percent, of the angle in units of
the noise.
"""

from __future__ import annotations

import argparse
import time as clock
from collections.abc import Callable, Iterable

import elbow_rivals as rivals
import numpy as np
import torch
from elbow_cases import END, FINE, STANDARD, TORQUES, TRUE, samples, sines
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from bioenv.learn.elbow import ElbowPINN
from bioenv.learn.elbow_ode import NAMES, Torque, cramer_rao, simulate
from bioenv.learn.fit import Status

Array = NDArray[np.float64]


def told(values: Iterable[float]) -> str:
    """Median / worst."""
    size = np.abs(list(values))
    return f"{np.median(size):.2g} / {size.max():.2g}"


def row(name: str, cells: Iterable[object]) -> None:
    print(f"{name:36s}" + "".join(f"{one!s:>16s}" for one in cells), flush=True)


def errors(answers: list[rivals.Answer], sizes: list[float], torque: Torque) -> list[str]:
    """Of I, b, k in % and of the angle in noises."""
    wrong = np.array([100 * (one.values / TRUE - 1) for one in answers])
    truth = simulate(FINE, torque, *TRUE).angle
    off = [
        np.sqrt(np.mean((one.state(FINE, torque).angle - truth) ** 2)) / size
        for one, size in zip(answers, sizes, strict=True)
    ]
    return [*(told(column) for column in wrong.T), told(np.abs(wrong).max(axis=1)), told(off)]


def hindsight(t: Array, y: Array, truth: Callable[[Array], Array] | None = None) -> rivals.Answer:
    """The spline whose smoothing is chosen by the truth."""
    clean = simulate(FINE, STANDARD, *TRUE).angle if truth is None else truth(FINE)
    return rivals.spline(t, y, STANDARD, (FINE, clean))


def suspicious(elbow: ElbowPINN) -> bool:
    """Whether the fit says that the joint does not obey the equation."""
    return "refute" in elbow.message_ or elbow.status_ is Status.LARGE_RESIDUAL


HEAD = ("I %", "b %", "k %", "worst of 3 %", "angle, noises")


def bounds(seeds: int) -> None:
    """What a torque can identify: the bound, and what ElbowPINN reaches."""
    t = np.linspace(0.0, END, 30)
    row("Cramér-Rao deviation", ("I %", "b %", "k %", "angle, noises"))
    for name, torque in TORQUES.items():
        size = 0.05 * float(simulate(t, torque, *TRUE).angle.std())
        bound = cramer_rao(t, torque, *TRUE, size)
        cells = [f"{100 * bound[n] / p:.2f}" for n, p in zip(NAMES, TRUE, strict=True)]
        row("  " + name, [*cells, f"{bound['angle'] / size:.2f}"])
    row("ElbowPINN", HEAD)
    for name, torque in TORQUES.items():
        drawn = [samples(seed, torque) for seed in range(seeds)]
        found = [rivals.pinn(t, y, torque, seed) for seed, (t, y, _) in enumerate(drawn)]
        row("  " + name, errors(found, [size for *_, size in drawn], torque))


def against_rivals(seeds: int) -> None:
    """Four methods on the standard torque, inside the samples and 3 s beyond without torque."""
    methods: dict[str, Callable[[Array, Array, int], rivals.Answer]] = {
        "ElbowPINN": lambda t, y, seed: rivals.pinn(t, y, STANDARD, seed),
        "least squares on exact solution": lambda t, y, seed: rivals.exact(t, y, STANDARD),
        "spline by cross-validation": lambda t, y, seed: rivals.spline(t, y, STANDARD),
        "spline, best by hindsight": lambda t, y, seed: hindsight(t, y),
        "plain network": lambda t, y, seed: rivals.plain(t, y, STANDARD, seed),
    }
    drawn = [samples(seed) for seed in range(seeds)]
    sizes = [size for *_, size in drawn]
    later = np.linspace(END, END + 3.0, 301)
    end = simulate(FINE, STANDARD, *TRUE)
    free = simulate(later, 0.0, *TRUE, angle=end.angle[-1], velocity=end.velocity[-1])
    truth = simulate(FINE, STANDARD, *TRUE)
    off: dict[str, Array] = {}
    row(f"{seeds} seeds", (*HEAD, "velocity rad/s", "acc. rad/s2", "beyond, noises", "energy grows",
                           "CPU s"))  # fmt: skip
    for name, method in methods.items():
        began = clock.process_time()
        found = [method(t, y, seed) for seed, (t, y, _) in enumerate(drawn)]
        seconds = (clock.process_time() - began) / seeds
        inside = [one.state(FINE, STANDARD) for one in found]
        beyond = [one.state(later, lambda t: np.zeros_like(t)) for one in found]
        grows = [
            np.diff(0.5 * TRUE[0] * m.velocity**2 + 0.5 * TRUE[2] * m.angle**2).max() > 1e-3
            for m in beyond
        ]
        cells = [
            told((m.velocity - truth.velocity).std() for m in inside),
            told((m.acceleration - truth.acceleration).std() for m in inside),
            told((m.angle - free.angle).std() / s for m, s in zip(beyond, sizes, strict=True)),
            f"{sum(grows)} of {seeds}",
            f"{seconds:.2f}",
        ]
        row("  " + name, [*errors(found, sizes, STANDARD), *cells])
        off[name] = np.array([np.sqrt(np.mean((m.angle - truth.angle) ** 2)) for m in inside])
    for name in list(off)[1:]:
        print(f"  angle error over that of {name}: {told(off['ElbowPINN'] / off[name])}")


def coverage(seeds: int) -> None:
    """How often 95 % intervals hold the truth, and how wide they are against the bound."""
    truth = simulate(FINE, STANDARD, *TRUE)
    hits, states, wide, off, alarms = [], [], [], [], 0
    for seed in range(seeds):
        t, y, size = samples(1000 + seed)
        elbow = ElbowPINN(seed=seed).fit(t, y, STANDARD)
        alarms += suspicious(elbow)
        off.append(max(abs(elbow.parameters_[n] / p - 1) for n, p in zip(NAMES, TRUE, strict=True)))
        bound = cramer_rao(t, STANDARD, *TRUE, size)
        band = [elbow.interval_[name] for name in NAMES]
        hits.append([low < p < high for (low, high), p in zip(band, TRUE, strict=True)])
        wide.append([elbow.deviation_[name] / bound[name] for name in NAMES])
        at = elbow.predict(FINE)
        pairs = zip(at[4:], truth[1:], strict=True)
        states.append([((b[:, 0] < x) & (x < b[:, 1])).mean() for b, x in pairs])
    row(f"{seeds} seeds", ("I", "b", "k", "angle", "velocity", "acceleration"))
    row("  95 % interval holds the truth, %",
        [f"{100 * x:.0f}" for x in (*np.mean(hits, axis=0), *np.mean(states, axis=0))])  # fmt: skip
    row("  deviation over bound, median", [f"{x:.2f}" for x in np.median(wide, axis=0)])
    good = int((np.array(off) < 0.03).sum())
    row("  I, b and k all within 3 %", [f"{good} of {seeds}", f"worst {100 * max(off):.1f} %"])
    row("  equation refuted though it holds", [f"{alarms} of {seeds}"])


def ablation(seeds: int) -> None:
    """One part changed at a time."""
    size = float(np.sqrt(np.mean(STANDARD(FINE) ** 2)))
    tanh: dict[str, object] = {"highest": 0.0, "hidden": (16,)}
    bare: dict[str, object] = {"nominal": False}
    cases: dict[str, tuple[Torque, dict[str, dict[str, object]]]] = {
        "physics noise, of the torque": (STANDARD, {
            **{f"{f:g}": {"physics_noise": f * size} for f in (10, 1, 0.3, 0.1, 0.01, 0.001)},
        }),
        "features": (STANDARD, {
            "waves to 5 Hz, nominal answer": {},
            "  and a tanh layer (8)": {"hidden": (8,)},
            "waves to 1 Hz, nominal answer": {"highest": 1.0},
            "waves to 5 Hz": bare,
            "time alone, tanh (16)": bare | tanh,
            "  and causal weighting 0.1": bare | tanh | {"causal": 0.1},
        }),
        "features, two steps of torque": (TORQUES["two steps"], {
            "waves to 5 Hz, nominal answer": {},
            "waves to 5 Hz": bare,
        }),
        "collocation points": (STANDARD, {
            f"{n}": {"collocation": n} for n in (10, 20, 40, 100, 400)
        }),
        "known": (STANDARD, {
            "start at rest": {"initial": (0.0, 0.0)},
            "inertia": {"inertia": 0.08},
            "inertia and stiffness": {"inertia": 0.08, "stiffness": 4.0},
        }),
    }  # fmt: skip
    for title, (torque, variants) in cases.items():
        drawn = [samples(seed, torque) for seed in range(seeds)]
        row(title, (*HEAD, "CPU s"))
        for name, settings in variants.items():
            began = clock.process_time()
            found = [
                rivals.pinn(t, y, torque, seed, **settings) for seed, (t, y, _) in enumerate(drawn)
            ]
            seconds = f"{(clock.process_time() - began) / seeds:.2f}"
            row("  " + name, [*errors(found, [size for *_, size in drawn], torque), seconds])


def amount(seeds: int) -> None:
    """Number of samples and noise, beside the spline."""
    row("samples, noise", (*HEAD, "best spline"))
    grid = [(n, 0.05) for n in (10, 15, 30, 60, 120)] + [(30, s) for s in (0.01, 0.02, 0.1, 0.2)]
    for count, noise in grid:
        drawn = [samples(seed, count=count, noise=noise) for seed in range(seeds)]
        sizes = [size for *_, size in drawn]
        found = [rivals.pinn(t, y, STANDARD, seed) for seed, (t, y, _) in enumerate(drawn)]
        smooth = [hindsight(t, y) for t, y, _ in drawn]
        cells = [*errors(found, sizes, STANDARD), errors(smooth, sizes, STANDARD)[-1]]
        row(f"  {count}, {100 * noise:g} %", cells)


def _wrong_joint(extra: Callable[[float, Array], float]) -> Callable[[Array], Array]:
    def rate(t: float, y: Array) -> list[float]:
        torque = float(STANDARD(np.array([t]))[0]) + extra(t, y)
        return [y[1], (torque - TRUE[1] * y[1] - TRUE[2] * y[0]) / TRUE[0]]

    path = solve_ivp(rate, (0.0, END), [0.0, 0.0], dense_output=True, rtol=1e-8, max_step=0.01)
    return lambda t: np.asarray(path.sol(t)[0])


def misfit(seeds: int) -> None:
    """The joint does not obey the equation: who notices, and whose angle survives?"""
    joints = {
        "exact": lambda t, y: 0.0,
        "burst of 2 N m, 0.1 s, unknown": lambda t, y: 2.0 * np.exp(-(((t - 2.0) / 0.1) ** 2)),
        "stiffening, -6 angle^3 N m": lambda t, y: -6.0 * y[0] ** 3,
        "dry friction 0.4 N m": lambda t, y: -0.4 * np.tanh(20.0 * y[1]),
    }
    row("angle error, noises", ("PINN", "told", "noise known", "told", "exact LSQ", "best spline"))
    for name, extra in joints.items():
        truth = _wrong_joint(extra)
        off, noticed = [], []
        for seed in range(seeds):
            t, y, size = samples(seed, truth=truth)
            elbows = [ElbowPINN(seed=seed, noise=n).fit(t, y, STANDARD) for n in (None, size)]
            noticed.append(
                ["refute" in one.message_ or one.status_ is not Status.CONVERGED for one in elbows]
            )
            others = (rivals.exact(t, y, STANDARD), hindsight(t, y, truth))
            curves = [one.predict(FINE).angle for one in elbows]
            curves += [one.state(FINE, STANDARD).angle for one in others]
            off.append([np.sqrt(np.mean((c - truth(FINE)) ** 2)) / size for c in curves])
        one, two, *rest = (told(column) for column in np.transpose(off))
        counts = [f"{n} of {seeds}" for n in np.sum(noticed, axis=0)]
        row("  " + name, (one, counts[0], two, counts[1], *rest))


def starts(seeds: int) -> None:
    """Joints far from where the search starts (0.08, 0.3, 3): worst error of the three, in %."""
    row("joint", ("PINN", "exact LSQ"))
    for joint in ((0.08, 0.4, 80.0), (0.08, 1.5, 40.0), (0.02, 0.1, 2.0), (0.5, 1.0, 20.0)):
        own = float(np.sqrt(joint[2] / joint[0])) / (2 * np.pi)
        torque = sines((1.0, 0.7 * own, 0.0), (1.5, 1.35 * own, 1.0))
        t = np.linspace(0.0, 4.5 / own, 30)
        clean = simulate(t, torque, *joint).angle
        off = []
        for seed in range(seeds):
            y = clean + 0.05 * clean.std() * np.random.default_rng(seed).normal(size=30)
            both = rivals.pinn(t, y, torque, seed), rivals.exact(t, y, torque)
            off.append([100 * np.abs(one.values / joint - 1).max() for one in both])
        row(f"  {joint}", [told(column) for column in np.transpose(off)])


TABLES = {
    "bounds": (bounds, 5),
    "rivals": (against_rivals, 12),
    "coverage": (coverage, 50),
    "ablation": (ablation, 5),
    "amount": (amount, 5),
    "misfit": (misfit, 5),
    "starts": (starts, 5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=TABLES, help="one table")
    parser.add_argument("--seeds", type=int, help="instead of the table's own number")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, (table, seeds) in TABLES.items():
        if args.only in (None, name):
            began = clock.process_time()
            print(f"\n{name}: {table.__doc__}")
            table(args.seeds or seeds)
            print(f"({clock.process_time() - began:.0f} CPU s)")


if __name__ == "__main__":
    main()
