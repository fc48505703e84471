"""Sharing problems for tests: written out, random, and OpenSim's reference."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from bioenv.inverse.muscles import SharingProblem
from bioenv.lab import sto
from bioenv.models.anatomy import MuscleGeometry


def problem(torque: Any, arm: Any, active: Any = 1000.0, **given: Any) -> SharingProblem:
    """Of torque (T, k), arm (m, k) or (T, m, k) and active force."""
    torque, arm = np.atleast_2d(np.asarray(torque, dtype=float)), np.asarray(arm, dtype=float)
    frames, k = torque.shape
    m = arm.shape[-2]
    fields: dict[str, Any] = {
        "time": np.arange(frames) / 100,
        "passive": np.zeros((frames, m)),
        "max_isometric_force": np.full(m, 1000.0),
        "muscles": tuple(f"m{i}" for i in range(m)),
        "coordinates": tuple(f"q{i}" for i in range(k)),
    }
    return SharingProblem(
        torque=torque,
        moment_arm=np.broadcast_to(arm, (frames, m, k)),
        active=np.broadcast_to(active, (frames, m)),
        **{**fields, **given},
    )


def random_problem(
    frames: int = 20, m: int = 12, k: int = 4, seed: int = 0, strength: float = 0.5, **given: Any
) -> SharingProblem:
    """Smooth in time; its torque is made by activations up to about `strength`."""
    rng = np.random.default_rng(seed)
    phase = np.linspace(0, 2 * np.pi, frames)[:, None]

    def smooth(low: float, high: float) -> np.ndarray:
        wave = 0.5 + 0.5 * np.sin(phase * rng.integers(1, 3, m) + rng.uniform(0, 6, m))
        return low + (high - low) * wave

    arm = rng.normal(0.0, 0.04, (m, k)) * (rng.random((m, k)) < 0.6)
    arm = arm * (1 + 0.1 * np.sin(phase))[:, :, None]
    active = smooth(500.0, 2000.0)
    torque = np.einsum("tmk,tm->tk", arm, active * smooth(0.0, strength))
    return problem(torque, arm, active, **given)


def opensim_reference(folder: Path) -> tuple[SharingProblem, np.ndarray, MuscleGeometry]:
    """The problem that OpenSim's static optimization solved, with its moment arms and active
    forces, its activations (T, m), and the muscles' lengths."""
    activation, force = (
        sto.read(folder / f"SO_StaticOptimization_{name}.sto") for name in ("activation", "force")
    )
    arms = {
        file.stem.split("MomentArm_")[1]: sto.read(file)
        for file in sorted(folder.glob("MA_MuscleAnalysis_MomentArm_*.sto"))
        if "MomentArm_pelvis" not in file.stem
    }
    muscles = next(iter(arms.values())).labels[1:]
    a, pull = (np.column_stack([t.column(m) for m in muscles]) for t in (activation, force))
    reserves = {c: n for c in arms for n in (f"{c}_reserve", f"reserve_{c}") if n in force.labels}
    names = [c for c in reserves if np.abs(arms[c].values[:, 1:]).max() > 1e-6]

    def arm_of(c: str) -> np.ndarray:
        # The patella follows the knee one to one.
        beta = arms[f"{c}_beta"].values[:, 1:] if f"{c}_beta" in arms else 0.0
        return arms[c].values[:, 1:] + beta

    arm = np.stack([arm_of(c) for c in names], axis=2)
    text = (folder / "model.osim").read_text(encoding="utf-8")
    pattern = r'name="{}">.*?<max_isometric_force>([^<]*)<'
    found = [re.search(pattern.format(m), text, re.DOTALL) for m in muscles]
    reserve = np.column_stack([force.column(reserves[c]) for c in names])
    table = sto.read(folder / "MA_MuscleAnalysis_Length.sto")
    length = np.column_stack([table.column(m) for m in muscles])
    asked = SharingProblem(
        time=activation.time,
        torque=np.einsum("tmk,tm->tk", arm, pull) + reserve,
        moment_arm=arm,
        active=pull / a,
        passive=np.zeros_like(a),
        max_isometric_force=np.array([float(one.group(1)) for one in found if one]),
        muscles=tuple(muscles),
        coordinates=tuple(names),
        lower=np.full(len(muscles), 0.01),
    )
    return asked, a, MuscleGeometry(length, arm, np.gradient(length, activation.time, axis=0))
