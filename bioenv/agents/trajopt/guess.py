"""Trajectory: the unknowns of a movement at its nodes, and guesses to start the solver from."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from bioenv.agents.trajopt.problem import Problem
from bioenv.envs.columns import foot_geoms
from bioenv.envs.gait import on_the_ground, step_motion
from bioenv.errors import BioenvError
from bioenv.motion import Motion

Array = NDArray[np.float64]
_BOW = 0.5  # rad


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A movement at n+1 nodes, evenly spaced over `duration` s.

    q (n+1, nq) m or rad, v, a its derivatives; act (n+1, nm) and rate (n+1, nm) 1/s.
    """

    q: Array
    v: Array
    a: Array
    act: Array
    rate: Array
    duration: float

    @property
    def mesh(self) -> int:
        """Number of intervals."""
        return len(self.q) - 1

    @property
    def time(self) -> Array:
        """(n+1,) s."""
        return np.linspace(0.0, self.duration, self.mesh + 1)

    def resampled(self, mesh: int) -> Trajectory:
        """The same movement at other nodes: cubics of q and act, with v and rate as slopes."""
        if mesh == self.mesh:
            return self
        old, new = self.time, np.linspace(0.0, self.duration, mesh + 1)
        q = CubicHermiteSpline(old, self.q, self.v)
        act = CubicHermiteSpline(old, self.act, self.rate)
        a = _interpolate(new, old, self.a)
        return Trajectory(q(new), q(new, 1), a, act(new), act(new, 1), self.duration)


def static(problem: Problem, mesh: int, activation: float = 0.05) -> Trajectory:
    """The home pose, carried along at the wanted speed; ends as the problem gives them."""
    model, ends = problem.model, _ends(problem)
    share = np.linspace(0.0, 1.0, mesh + 1)[:, None]
    duration = float(np.mean(problem.duration))
    q = ends[0] + share * (ends[1] - ends[0])
    v = np.tile((ends[1] - ends[0]) / duration, (mesh + 1, 1))
    if problem.travel is not None and problem.speed is not None:
        i, speed = model.coordinate_index(problem.travel), float(np.mean(problem.speed))
        q[:, i] = q[0, i] + share[:, 0] * speed * duration
        v[:, i] = speed
    muscles = (mesh + 1, len(model.muscles))
    act = np.full(muscles, np.clip(activation, *problem.activation))
    return Trajectory(q, v, np.zeros_like(q), act, np.zeros(muscles), duration)


def _ends(problem: Problem) -> Array:
    """(2, nq) the home pose with what is given at the start, and at the end."""
    model, ends = problem.model, np.tile(problem.model.home, (2, 1))
    for first, given in ((0, problem.start), (1, problem.finish)):
        for name, value in given.items():
            i = model.coordinate_index(name)
            both = [i, model.mirror_qpos[i]] if problem.symmetry == "sides" else [i]
            ends[first:, both] = np.mean(value)
    return ends


def planted(problem: Problem, mesh: int, activation: float = 0.05) -> Trajectory:
    """From the start's pose to the end's, smoothly, with the feet where they stand: a rise.

    On the way the trunk bows by half a radian, as it must where the feet are to carry the body.
    """
    model, (start, end) = problem.model, _ends(problem)
    t = np.linspace(0.0, 1.0, mesh + 1)
    ease = (t**3 * (10.0 - 15.0 * t + 6.0 * t**2))[:, None]
    q = start + ease * (end - start)
    bow = _BOW * np.sin(np.pi * t) ** 2
    for name, sign in (("pelvis_tilt", -1.0), ("hip_flexion_r", 1.0), ("hip_flexion_l", 1.0)):
        q[:, model.coordinate_index(name)] += sign * bow
    q = on_the_ground(model, q)
    feet, data, places = foot_geoms(model), mujoco.MjData(model.mj), []
    for pose in q:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model.mj, data)
        places.append(float(data.geom_xpos[feet, 0].mean()))
    q[:, model.coordinate_index("pelvis_tx")] += places[0] - np.array(places)
    duration = float(np.mean(problem.duration))
    v = np.gradient(q, t * duration, axis=0)
    act = np.full((mesh + 1, len(model.muscles)), np.clip(activation, *problem.activation))
    a = np.gradient(v, t * duration, axis=0)
    return Trajectory(q, v, a, act, np.zeros_like(act), duration)


def step(problem: Problem, mesh: int, activation: float = 0.05) -> Trajectory:
    """The hand-drawn step of the walking tasks, no measured data, at the wanted speed.

    Raises BioenvError when the problem is not half a symmetric stride with a given speed.
    """
    if problem.symmetry != "mirror" or problem.travel is None or problem.speed is None:
        raise BioenvError('the guess "step" is for half a stride: symmetry "mirror" and a speed')
    model, speed = problem.model, float(np.mean(problem.speed))
    duration = float(np.mean(problem.duration))
    poses, change = step_motion(model)
    rows = np.round(np.linspace(0.0, 0.5, mesh + 1) * len(poses)).astype(int) % len(poses)
    time, q, v = np.linspace(0.0, duration, mesh + 1), poses[rows], change[rows] / (2 * duration)
    i = model.coordinate_index(problem.travel)
    q[:, i], v[:, i] = speed * time, speed
    act = np.full((mesh + 1, len(model.muscles)), np.clip(activation, *problem.activation))
    return Trajectory(q, v, np.gradient(v, time, axis=0), act, np.zeros_like(act), duration)


def perturbed(trajectory: Trajectory, seed: int, size: float = 0.1) -> Trajectory:
    """The trajectory with smooth random changes of the coordinates, standard deviation `size`."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, np.pi, trajectory.mesh + 1)[:, None]
    waves = [np.sin(k * phase) * rng.normal(0, size / k, trajectory.q.shape[1]) for k in (1, 2)]
    act = trajectory.act + np.abs(rng.normal(0, 0.5 * size, trajectory.act.shape[1]))
    return Trajectory(
        trajectory.q + sum(waves), trajectory.v, trajectory.a, np.clip(act, 0, 1),
        trajectory.rate, trajectory.duration,
    )  # fmt: skip


def from_motion(problem: Problem, motion: Motion, mesh: int) -> Trajectory:
    """A movement that somebody made (a policy's rollout, a measured or an optimized motion).

    With "mirror" and "cycle" the last whole step or stride with the right foot first is cut out, by
    the foot forces; without such events the motion is taken whole.

    Raises BioenvError when the motion lacks a coordinate of the model.
    """
    model = problem.model
    for name in ("qpos", "qvel"):
        missing = set(model.coordinates) - set(motion.labels(name) if name in motion else ())
        if missing:
            raise BioenvError(f"the motion has no {name} of {', '.join(sorted(missing))}")
    start, stop = _span(problem, motion)
    time = np.linspace(start, stop, mesh + 1)

    def at(name: str, labels: tuple[str, ...]) -> Array:
        columns = [motion.labels(name).index(label) for label in labels]
        return _interpolate(time, motion.time, motion[name][:, columns])

    q, v = at("qpos", model.coordinates), at("qvel", model.coordinates)
    if problem.travel is not None:
        i = model.coordinate_index(problem.travel)
        q[:, i] -= q[0, i]
    a = np.gradient(v, time, axis=0)
    if "activation" in motion:
        act = np.clip(at("activation", model.muscles), *problem.activation)
    else:
        act = np.full((mesh + 1, len(model.muscles)), 0.05)
    return Trajectory(q, v, a, act, np.gradient(act, time, axis=0), float(stop - start))


def _span(problem: Problem, motion: Motion) -> tuple[float, float]:
    """Start and end in the motion's time of the piece to use, s."""
    whole = float(motion.time[0]), float(motion.time[-1])
    if motion.meta.get("symmetry") == "mirror" and problem.symmetry == "mirror":
        return whole[0], 0.5 * (whole[0] + whole[1])  # a solution's own stride
    if "ground_reaction_force" not in motion or problem.symmetry == "none":
        return whole
    labels = motion.labels("ground_reaction_force")
    if not {"r", "l"} <= set(labels):
        return whole
    first = _strikes(motion, "r")
    second = _strikes(motion, "l" if problem.symmetry == "mirror" else "r")
    for start in first[::-1]:
        after = second[second > start]
        if after.size:
            return float(start), float(after[0])
    return whole


def _strikes(motion: Motion, foot: str) -> Array:
    """(k,) s, instants at which a foot takes up load for at least 0.2 s, after 0.2 s without."""
    load = motion.column("ground_reaction_force", foot)[:, 2]
    bears = load > 0.05 * load.max()
    changes = np.flatnonzero(np.diff(bears.astype(int)))
    times, up = motion.time[changes + 1], bears[changes + 1]
    return np.array(
        [
            t
            for i, t in enumerate(times)
            if up[i]
            and (i == 0 or t - times[i - 1] > 0.2)
            and (i + 1 == len(times) or times[i + 1] - t > 0.2)
        ]
    )


def _interpolate(new: Array, old: Array, values: Array) -> Array:
    return np.stack([np.interp(new, old, column) for column in values.T], axis=1)
