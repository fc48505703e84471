"""Knee load by many ways of sharing torque among muscles, against an instrumented prosthesis.

    .venv/bin/python benchmarks/knee_load.py [--figure FILE.png] [--slow]

Three walks (``knee_walks.py``), and for each: correlation with the measured load, RMS error N,
and the peaks of early and late stance N. Every method is applied alike to all three; numbers that
are tuned are tuned on two walks and judged on the third.

The measured record lags behind the force plates. Just after heel strike the ground force passes
beside the knee: the frontal moment that it alone makes there has a sharp minimum, and what the
prosthesis tells of the same moment, medial minus lateral force, has it 20 to 40 ms later. No choice
of muscle forces explains that. The last columns take the mean of this delay from the record's
clock; it is found without the load that is judged.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from knee_walks import WALKS, Array, Walk, read

from bioenv.inverse.muscles import SharingProblem, static_optimization
from bioenv.inverse.muscles.contact_cost import load_sharing
from bioenv.inverse.muscles.dynamic import dynamic_optimization
from bioenv.inverse.muscles.emg_informed import emg_informed

Method = Callable[[Walk], Array]
Cases = dict[str, list[Walk]]

EARLY, LATE = slice(0, 40), slice(40, 70)  # % of the cycle
WEIGHTS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.3)
LEVER = 0.028  # m, half the distance of the condyles
GASTROCNEMIUS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


class Score(NamedTuple):
    """r: correlation; rms: N; early, late: peaks of the computed load, N."""

    r: float
    rms: float
    early: float
    late: float


def score(walk: Walk, load: Array, delay: float = 0.0) -> Score:
    """The computed load (T,) against the measured one, whose clock is `delay` s late."""
    time, percent = walk.problem.time - walk.problem.time[0], np.arange(len(walk.total))
    at = percent / percent[-1] * walk.duration - delay
    inside = at >= -1e-9
    made, shown = np.interp(at[inside], time, load), walk.total[inside]
    r = float(np.corrcoef(made, shown)[0, 1])
    whole = np.interp(percent, walk.percent, load)
    rms = float(np.sqrt(np.mean((made - shown) ** 2)))
    return Score(r, rms, float(whole[EARLY].max()), float(whole[LATE].max()))


def unreachable(walk: Walk, least: Array, delay: float) -> tuple[int, float]:
    """In how many samples, and by how many N at most, the measured load is below the least one."""
    at = np.linspace(0, walk.duration, len(walk.total)) - delay
    short = np.interp(at, walk.problem.time - walk.problem.time[0], least) - walk.total
    short = short[at >= 0]
    return int((short > 0).sum()), float(short.max())


def costlier(problem: SharingProblem, **weights: float) -> SharingProblem:
    """The problem in which a² of muscles whose name begins so costs that many times as much."""
    x = np.ones(len(problem.muscles))
    for stem, weight in weights.items():
        x[[name.startswith(stem) for name in problem.muscles]] = np.sqrt(weight)
    return replace(
        problem, active=problem.active / x, lower=problem.lower * x, upper=problem.upper * x
    )


def without_passive(walk: Walk, *joints: str) -> SharingProblem:
    """The problem less the passive moments of these joints, N*m (Riener R, Edrich T 1999, J
    Biomech 32:539: all passive structures of ten young people; ankle here in dorsiflexion)."""
    h, k, a = (walk.angles[c] for c in ("hip_flexion", "knee_angle", "ankle_angle"))
    moments = {
        "hip_flexion_l": np.exp(1.4655 - 0.0034 * k - 0.0750 * h)
        - np.exp(1.3403 - 0.0226 * k + 0.0305 * h) + 8.072,
        "knee_angle_l": np.exp(1.800 + 0.0460 * a - 0.0352 * k + 0.0217 * h)
        - np.exp(-3.971 + 0.0004 * a + 0.0495 * k - 0.0128 * h) - 4.820
        + np.exp(2.220 - 0.150 * k),
        "ankle_angle_l": np.exp(-7.9763 - 0.1949 * a + 0.0008 * k)
        - np.exp(2.1016 + 0.0843 * a - 0.0176 * k) + 1.792,
    }  # fmt: skip
    torque = walk.problem.torque.copy()
    for joint in joints:
        torque[:, walk.problem.coordinates.index(joint)] -= moments[joint]
    return replace(walk.problem, torque=torque)


def static(walk: Walk, **how: object) -> Array:
    return static_optimization(walk.problem, **how).force  # type: ignore[arg-type]


def dynamic(walk: Walk) -> Array:
    return dynamic_optimization(walk.problem).force


def paid(walk: Walk, weight: float, how: Callable = static_optimization) -> Array:
    """With a cost on the knee's load."""
    return load_sharing(walk.problem, walk.contact, weight, how).force


def heard(walk: Walk, weight: float | None, load: float | None = None) -> Array:
    """Following EMG; load: weight of the knee's load."""
    envelopes, below = walk.emg
    how = partial(emg_informed, emg=envelopes, mapping=below, weight=weight)
    return paid(walk, load, how) if load else how(walk.problem).force


def eased(walk: Walk, *joints: str) -> Array:
    return dynamic_optimization(without_passive(walk, *joints)).force


def compliant(walk: Walk) -> Array:
    found = dynamic_optimization(
        walk.problem, walk.muscles, tendon="compliant", geometry=walk.geometry
    )
    return found.force


SPARED = {"gas": 7.0, "bflh": 3.0, "semi": 3.0}
"""Gastrocnemius and hamstrings made costly to fit a prosthesis, in the manner of Steele KM, DeMers
MS, Schwartz MH, Delp SL (2012), Gait Posture 35:556."""
# What the method is, which walk it takes (forces as measured, forces at 6 Hz, or these with
# activation above 1 %), and the muscle forces.
METHODS: tuple[tuple[str, str, Method], ...] = (
    ("static", "measured", static),
    ("static, exponent 3", "measured", partial(static, exponent=3.0)),
    ("static, (F/F0)^2", "measured", partial(static, cost="force")),
    ("static, passive forces of the file", "measured",
     lambda w: static_optimization(replace(w.problem, use_passive=True)).force),
    ("static, load 0.03", "measured", lambda w: paid(w, 0.03)),
    ("static, gastrocnemius x 3", "measured",
     lambda w: static_optimization(costlier(w.problem, gas=3.0)).force),
    ("static, gastroc. x 7, hamstr. x 3", "measured",
     lambda w: static_optimization(costlier(w.problem, **SPARED)).force),
    ("dynamic", "measured", dynamic),
    ("dynamic, load 0.03", "measured", lambda w: paid(w, 0.03, dynamic_optimization)),
    ("static", "6 Hz", static),
    ("static, load 0.03", "6 Hz", lambda w: paid(w, 0.03)),
    ("EMG weight 0.3", "6 Hz", lambda w: heard(w, 0.3)),
    ("EMG weight 1", "6 Hz", lambda w: heard(w, 1.0)),
    ("EMG weight by trade-off", "6 Hz", lambda w: heard(w, None)),
    ("EMG weight 0.3, load 0.03", "6 Hz", lambda w: heard(w, 0.3, 0.03)),
    ("dynamic", "6 Hz", dynamic),
    ("dynamic, load 0.03", "6 Hz", lambda w: paid(w, 0.03, dynamic_optimization)),
    ("dynamic, load 0.1", "6 Hz", lambda w: paid(w, 0.1, dynamic_optimization)),
    ("dynamic, gastrocnemius x 2", "6 Hz",
     lambda w: dynamic_optimization(costlier(w.problem, gas=2.0)).force),
    ("dynamic, passive hip and ankle", "6 Hz",
     lambda w: eased(w, "hip_flexion_l", "ankle_angle_l")),
    ("dynamic, passive joints", "6 Hz",
     lambda w: eased(w, "hip_flexion_l", "ankle_angle_l", "knee_angle_l")),
    ("static", "1 %", static),
    ("dynamic, load 0.03", "1 %", lambda w: paid(w, 0.03, dynamic_optimization)),
    ("least load of any sharing", "6 Hz", lambda w: paid(w, 1000.0)),
)  # fmt: skip
SLOW: tuple[tuple[str, str, Method], ...] = (("dynamic, compliant tendons", "6 Hz", compliant),)


def leave_one_out(
    walks: Sequence[Walk],
    choices: Sequence[float],
    method: Callable[[Walk, float], Array],
    delay: float,
) -> list[tuple[float, Score]]:
    """For each walk the choice with least RMS on the two others, and what it gives on this one."""
    loads = [[walk.load(method(walk, choice)) for choice in choices] for walk in walks]
    scores = [[score(w, load, delay) for load in row] for w, row in zip(walks, loads, strict=True)]
    rms = np.array([[one.rms for one in row] for row in scores])
    best = [int(np.delete(rms, i, axis=0).mean(axis=0).argmin()) for i in range(len(walks))]
    return [(choices[k], scores[i][k]) for i, k in enumerate(best)]


def table(cases: Cases, delay: float, slow: bool) -> dict[str, list[Array]]:
    """Print a line for every method and what none can reach; returns the loads."""
    walks = cases["measured"]
    print(
        f"{'':44}" + "".join(f"{w.name:>24}" for w in walks) + f"   {1000 * delay:.0f} ms earlier"
    )
    peaks = "".join(f"{'':14}{w.total[EARLY].max():5.0f}{w.total[LATE].max():5.0f}" for w in walks)
    print(f"{'measured':44}{peaks}")
    loads = {("OpenSim 3.3, published", "measured"): [w.published for w in walks]}
    for name, case, method in METHODS + (SLOW if slow else ()):
        loads[name, case] = [w.load(method(w)) for w in cases[case]]
    for (name, case), values in loads.items():
        rows = [score(w, v) for w, v in zip(cases[case], values, strict=True)]
        text = "".join(f"   {s.r:6.3f}{s.rms:5.0f}{s.early:5.0f}{s.late:5.0f}" for s in rows)
        late = [score(w, v, delay) for w, v in zip(cases[case], values, strict=True)]
        text += "  " + "".join(f"  {s.r:.3f}{s.rms:4.0f}" for s in late)
        print(f"{name:36}{case:8}{text}", flush=True)
    least = loads["least load of any sharing", "6 Hz"]
    for late in (0.0, delay):
        excess = [unreachable(w, v, late) for w, v in zip(cases["6 Hz"], least, strict=True)]
        text = "; ".join(f"{n} of {len(walks[0].total)} frames, up to {x:.0f} N" for n, x in excess)
        print(f"measured below the least load, record {1000 * late:.0f} ms earlier: {text}")
    return {f"{name}, {case}": values for (name, case), values in loads.items()}


def tuned(cases: Cases, delay: float) -> None:
    """Print what leaving one walk out gives for the two numbers that could be tuned."""
    ways: dict[str, tuple[Sequence[float], Callable[[Walk, float], Array]]] = {
        "weight of load, static": (
            WEIGHTS, paid),
        "weight of load, dynamic": (
            WEIGHTS, partial(paid, how=dynamic_optimization)),
        "cost of gastrocnemius, dynamic": (
            GASTROCNEMIUS,
            lambda w, x: dynamic_optimization(costlier(w.problem, gas=x)).force),
    }  # fmt: skip
    print("\ntuned on the two other walks: value, r, RMS N")
    for name, (choices, method) in ways.items():
        for case in ("measured", "6 Hz"):
            for late in (0.0, delay):
                found = leave_one_out(cases[case], choices, method, late)
                text = "".join(f"   {x:5g}{s.r:7.3f}{s.rms:5.0f}" for x, s in found)
                print(f"{name:36}{case:8}{1000 * late:3.0f} ms{text}", flush=True)


def figure(cases: Cases, loads: dict[str, list[Array]], delay: float, path: Path) -> None:
    """Measured and computed loads of the three walks, and the moment that shows the delay."""
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(2, 3, figsize=(15, 8), sharex=True)
    percent = np.arange(101)
    for i, walk in enumerate(cases["6 Hz"]):
        top, low = axes[:, i]
        top.plot(percent, walk.total, "k", lw=2, label="measured")
        early = percent - 100 * delay / walk.duration
        top.plot(early, walk.total, "k:", lw=1, label=f"measured, {1000 * delay:.0f} ms earlier")
        for name in SHOWN:
            top.plot(walk.percent, loads[name][i], lw=1, label=name)
        top.set(title=walk.name, ylabel="knee load, N" if i == 0 else None)
        top.legend(fontsize=7)
        low.plot(percent, walk.medial - walk.lateral, "k", label="measured, medial - lateral, N")
        low.plot(
            walk.percent, 30 * walk.frontal, "C0", label="frontal moment of the ground, /33 mm"
        )
        low.set(xlabel="% of gait cycle")
        low.legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(path, dpi=110)


SHOWN = ("OpenSim 3.3, published, measured", "static, measured", "dynamic, load 0.03, 6 Hz",
         "EMG weight 1, 6 Hz", "least load of any sharing, 6 Hz")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--slow", action="store_true", help="compliant tendons too, minutes")
    args = parser.parse_args()
    cases = {
        "measured": [read(name, None) for name in WALKS],
        "6 Hz": [read(name) for name in WALKS],
        "1 %": [read(name, floor=True) for name in WALKS],
    }
    delays = [walk.delay for walk in cases["measured"]]
    print("delay of the record, ms:", *(f"{1000 * one:.0f}" for one in delays))
    delay = float(np.mean(delays))
    loads = table(cases, delay, args.slow)
    tuned(cases, delay)
    if args.figure:
        figure(cases, loads, delay, args.figure)


if __name__ == "__main__":
    main()
