"""Many muscles, few torques: what regularization does to the force-sharing problem.

    python examples/force_sharing.py [--motion FILE.nc] [--plot FILE.png] [--seed N]

A notebook as a script: read it from top to bottom, run it as a whole or cell by cell (``# %%``).
The motion is the predicted walk that ships with bioenv. Its muscle activations are known, so errors
are errors and not differences of opinion.
"""

# %% Packages
from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv import models, paths
from bioenv.inverse import inverse_dynamics, limit_torque, muscles
from bioenv.inverse.analysis import Settings
from bioenv.inverse.dynamics import foot_contacts
from bioenv.inverse.sharing_task import sharing_problem
from bioenv.lab import filters
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.motion import Motion

Array = NDArray[np.float64]


def rms(values: Array) -> float:
    """Root mean square of all entries."""
    return float(np.sqrt(np.mean(np.square(values))))


# %% 1. The problem
# Inverse dynamics gives the torque of every joint, M qacc + bias - passive - ground. What the ends
# of the joints' ranges give is taken off. The rest must come from muscles: torque = A(q, v) a.


class Walk(NamedTuple):
    """The problem of T frames; activations that truly made the motion and excitations (T, m)."""

    problem: muscles.SharingProblem
    truth: Array
    excitation: Array


def read(file: Path) -> Walk:
    """The force-sharing problem of a motion with activations and ground forces."""
    motion = Motion.load(file)
    model = models.load(motion.model or "walker2d")
    state = motion["qpos"], motion["qvel"], motion["qacc"]
    feet = [motion.labels("ground_reaction_force").index(foot) for foot in model.feet]
    force, point = motion["ground_reaction_force"][:, feet], motion["center_of_pressure"][:, feet]
    contacts = foot_contacts(model, force, point)
    torque = inverse_dynamics(model, *state, contacts=contacts) - limit_torque(model, *state)
    anatomy = NativeAnatomy(model)  # OpenSim's senses: only signs change
    q, qd = motion["qpos"] * anatomy.sign, motion["qvel"] * anatomy.sign
    geometry = anatomy.muscle_geometry(q, qd)
    capacity, settings = anatomy.muscle_capacity(geometry), Settings(passive=True, reserve=0.0)
    problem = sharing_problem(
        anatomy, motion.time, q, torque * anatomy.sign, geometry, capacity, settings
    )
    return Walk(problem, motion["activation"], motion["excitation"])


# %% 2. Ill-posed: two answers for one torque
# Fewer torques than muscles: the map A has a null space. Walk along it as far as the bounds 0 and 1
# allow, and the motion stays the same while the muscles do something else.


class IllPosed(NamedTuple):
    """rank, nullity; lowest, highest (m,) mean activation possible; other (T, m): activations far
    from the cheapest with the same torque; torque_change N*m between the two; gain: N of muscle
    force (RMS) per N*m of torque noise."""

    rank: int
    nullity: int
    lowest: Array
    highest: Array
    other: Array
    torque_change: float
    gain: float


def ill_posed(problem: muscles.SharingProblem, answer: muscles.Sharing) -> IllPosed:
    """What is not determined, and how errors are passed on."""
    report = muscles.wellposedness(problem, answer, max_frames=50)
    rank, nullity = int(report.rank.max()), int(report.nullity.min())
    # Right singular vectors beyond the rank are the combinations of muscles that make no torque.
    # "Everybody pulls", projected on them, is co-contraction.
    null = np.linalg.svd(problem.gain)[2][:, rank:]
    along = (null.swapaxes(1, 2) @ null.sum(2, keepdims=True))[:, :, 0]
    bound = np.where(along > 0, 1.0 - answer.activation, -answer.activation)
    room = np.where(np.abs(along) > 1e-9, bound / along, np.inf).min(1, keepdims=True)
    other = answer.activation + room * along
    changed = np.einsum("tkm,tm->tk", problem.gain, other - answer.activation)
    lowest, highest = report.lowest.mean(0), report.highest.mean(0)
    most = float(np.abs(changed).max())
    return IllPosed(rank, nullity, lowest, highest, other, most, rms(report.muscle_gain))


# %% 3. A rule makes the answer unique, and the rule is an assumption
# Sum of a^p or (F/F0)^p: near p = 1 few muscles do all, with growing p all share. Every rule meets
# the same torques. None of them is what made this walk (it also paid for metabolic rate, joint load
# and smoothness), so none is exact; that error cannot be seen in the torques.


class Rule(NamedTuple):
    """RMS error of activation; muscles above 1 %; peak activation; missing torque N*m."""

    name: str
    error: float
    active: float
    peak: float
    missing: float


def rules(walk: Walk, exponents: Sequence[float] = (1.1, 2.0, 3.0, 8.0)) -> list[Rule]:
    """Exponents and both costs."""
    share, found = muscles.static_optimization, []
    for p in exponents:
        both = {"a": share(walk.problem, exponent=p)}
        both["(F/F0)"] = share(walk.problem, exponent=p, cost="force")
        for what, answer in both.items():
            a, missing = answer.activation, float(np.abs(answer.missing_torque).max())
            row = rms(a - walk.truth), float((a > 0.01).sum(1).mean()), float(a.max()), missing
            found.append(Rule(f"sum {what}^{p:g}", *row))
    return found


# %% 4. The reserve is Tikhonov's weight
# min |a|^2 + |A a - torque|^2 / R^2: a reserve motor of R N*m beside the muscles asks for torques
# only within an error, with weight 1/R^2. From R = 0 (exact) upward the answer gets calmer and
# smaller, and more torque is left unexplained. That is the L-curve (Hansen 1992), but it is no L:
# corners come from noise that only a large answer can fit, and 18 muscles fit 6 torques with their
# noise easily. For the same reason Morozov's discrepancy principle (1966), "leave as much
# unexplained as there is noise", takes R too large, and even the best R gains little.


class Point(NamedTuple):
    """One R: residual N*m left to the reserve (RMS), size (RMS activation), jitter (RMS second
    difference of activation), error (RMS to the answer without noise)."""

    reserve: float
    residual: float
    size: float
    jitter: float
    error: float


def point(answer: muscles.Sharing, reserve: float, clean: Array) -> Point:
    """Where an answer stands on the L-curve."""
    a, left = answer.activation, rms(answer.reserve_torque + answer.missing_torque)
    return Point(reserve, left, rms(a), rms(np.diff(a, 2, axis=0)), rms(a - clean))


def l_curve(problem: muscles.SharingProblem, clean: Array) -> list[Point]:
    """Answers for growing R."""
    steps = (1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 160.0, 320.0)
    found = []
    for reserve in steps:
        soft = replace(problem, reserve=np.full(len(problem.coordinates), reserve))
        found.append(point(muscles.static_optimization(soft), reserve, clean))
    return found


def corner(curve: Sequence[Point]) -> float | None:
    """R of the L-curve's corner: its sharpest turn upward, in logarithms. None: it has none."""
    steps = np.diff(np.log([[q.residual, q.size] for q in curve]), axis=0)
    turn = np.diff(np.arctan2(steps[:, 1], steps[:, 0]))
    return curve[int(turn.argmax()) + 1].reserve if turn.max() > 0.1 else None


# %% 5. What helps, and what does not
# A penalty on size shrinks signal and noise alike. What helps is to know more: that torques are
# smooth (filter them first), or what the muscles did (EMG). Activation dynamics do not help:
# muscles let go more slowly than the noise asks, so antagonists answer and the body stiffens.


class Remedy(NamedTuple):
    """A treatment; RMS error to the truth of muscles below an electrode, and of the others."""

    name: str
    point: Point
    heard: float
    unheard: float


ELECTRODES = ("hamstrings", "vasti", "gastroc", "soleus", "tib_ant")


def remedies(walk: Walk, noisy: muscles.SharingProblem, clean: Array, seed: int) -> list[Remedy]:
    """The same noisy torques, treated in four ways."""
    rate = filters.sampling_rate(noisy.time)
    smooth = replace(noisy, torque=filters.butterworth(noisy.torque, rate, 10.0))
    heard = np.array([name.rsplit("_", 1)[0] in ELECTRODES for name in noisy.muscles])
    names = np.array(noisy.muscles)[heard].tolist()
    emg = walk.excitation[:, heard] / walk.excitation[:, heard].max(0)
    emg = np.clip(emg + np.random.default_rng(seed).normal(0, 0.05, emg.shape), 0.0, 1.0)
    below = {name: (name,) for name in names}
    answers = {
        "exact torques": muscles.static_optimization(noisy),
        "activation dynamics": muscles.dynamic_optimization(noisy),
        "torques filtered at 10 Hz": muscles.static_optimization(smooth),
        "filtered, and 5 EMG a leg": muscles.emg_informed(smooth, emg, below, weight=3.0),
    }
    found = []
    for name, answer in answers.items():
        off = answer.activation - walk.truth
        found.append(Remedy(name, point(answer, 0, clean), rms(off[:, heard]), rms(off[:, ~heard])))
    return found


# %% Everything together


def tables(walk: Walk, clean: muscles.Sharing, ill: IllPosed) -> None:
    """Sections 2 and 3 in print."""
    p = walk.problem
    print(f"{len(p.muscles)} muscles, {len(p.coordinates)} torques, {len(p.time)} frames")
    print(f"rank {ill.rank}: {ill.nullity} dimensions of activation change no torque")
    print(f"along them: activation {rms(ill.other - clean.activation):.3f} RMS, ", end="")
    print(f"torque {ill.torque_change:.0e} N*m")
    print(f"1 N*m of noise in every torque moves the forces by {ill.gain:.1f} N RMS\n")
    print(f"{'mean activation':16}{'lowest':>8}{'true':>8}{'sum a^2':>8}{'highest':>8}")
    columns = ill.lowest, walk.truth.mean(0), clean.activation.mean(0), ill.highest
    for name, *row in list(zip(p.muscles, *columns, strict=True))[: len(p.muscles) // 2]:
        print(f"{name:16}" + "".join(f"{x:8.3f}" for x in row))
    print(f"\n{'rule':16}{'error':>8}{'active':>8}{'peak a':>8}{'missing N*m':>13}")
    for r in rules(walk):
        print(f"{r.name:16}{r.error:8.4f}{r.active:8.1f}{r.peak:8.2f}{r.missing:13.0e}")


def noise_tables(curve: Sequence[Point], treated: Sequence[Remedy], sigma: float) -> None:
    """Sections 4 and 5 in print."""
    print(f"\n{sigma:g} N*m of noise in every torque")
    print(f"{'reserve N*m':14}{'residual N*m':>14}{'size':>8}{'jitter':>8}{'error':>8}")
    for q in curve:
        print(f"{q.reserve:<14g}{q.residual:14.3f}{q.size:8.4f}{q.jitter:8.4f}{q.error:8.4f}")
    best = min(curve, key=lambda q: q.error).reserve
    allowed = max((q.reserve for q in curve if q.residual <= sigma), default=0.0)
    print(f"corner of the L-curve: {corner(curve)}; discrepancy principle {allowed:g}; ", end="")
    print(f"best {best:g} N*m\n")
    print(f"{'treatment':28}{'jitter':>8}{'error':>8}{'heard':>8}{'unheard':>9}")
    for m in treated:
        row = m.point.jitter, m.point.error, m.heard
        print(f"{m.name:28}" + "".join(f"{x:8.4f}" for x in row) + f"{m.unheard:9.4f}")


def draw(walk: Walk, clean: Array, other: Array, curve: Sequence[Point], file: Path) -> None:
    """Two answers with the same torques, and the L-curve."""
    from matplotlib.figure import Figure  # no screen needed

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    i = walk.problem.muscles.index("gastroc_r")
    for a, label in (
        (walk.truth, "true"),
        (clean, "sum a²"),
        (other, "same torques, co-contracted"),
    ):
        left.plot(walk.problem.time, a[:, i], label=label)
    left.set(xlabel="time, s", ylabel="activation of gastroc_r", ylim=(-0.05, 1.4))
    left.legend()
    right.loglog([q.residual for q in curve], [q.size for q in curve], "o-")
    for q in curve:
        right.annotate(f"{q.reserve:g}", (q.residual, q.size))
    right.set(xlabel="torque left unexplained, N·m", ylabel="RMS activation", title="R, N·m")
    figure.savefig(file, dpi=120)


def main() -> None:
    """Print the tables, draw when asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shipped = paths.agent_file("solutions", "predict-walk", "motion.nc")
    parser.add_argument("--motion", type=Path, default=shipped, help="default: the shipped walk")
    parser.add_argument("--plot", type=Path, help="picture to write")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    args = parser.parse_args()
    sigma, walk = 5.0, read(args.motion)
    clean = muscles.static_optimization(walk.problem)
    ill = ill_posed(walk.problem, clean)
    tables(walk, clean, ill)
    noise = np.random.default_rng(args.seed).normal(0.0, sigma, walk.problem.torque.shape)
    noisy = replace(walk.problem, torque=walk.problem.torque + noise)
    curve = l_curve(noisy, clean.activation)
    noise_tables(curve, remedies(walk, noisy, clean.activation, args.seed), sigma)
    if args.plot:
        draw(walk, clean.activation, ill.other, curve, args.plot)


if __name__ == "__main__":
    main()
