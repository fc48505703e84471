"""The files of a fitted gait network: a Motion, OpenSim's table of moments, and JSON on the fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bioenv.inverse.outputs import write_json
from bioenv.learn.fit import Status
from bioenv.learn.gait import GaitPINN
from bioenv.learn.gait_result import estimated
from bioenv.motion import Motion
from bioenv.motion_io import write_table

MOTION, TORQUES, MARK = "motion.nc", "inverse_dynamics.sto", "fit.json"
FILES = (MOTION, TORQUES, MARK)
"""What a fit writes."""
NINETY = 1.645  # standard deviations on either side hold 90 % of a normal distribution


def write(pinn: GaitPINN, directory: str | Path) -> list[Path]:
    """Write all files, each whole or not at all; returns their paths.

    OpenSim's column names and coordinate senses in the table, bioenv's in the motion.
    """
    folder = Path(directory)
    anatomy = pinn.analysis_.anatomy
    labels = ["time"] + [
        f"{name}_{'moment' if turns else 'force'}"
        for name, turns in zip(anatomy.coordinates, anatomy.rotational, strict=True)
    ]
    table = np.column_stack([pinn.time_, pinn.torque_])
    motion = estimated(pinn.analysis_, seed=pinn.seed, status=str(pinn.status_))
    motion = _with_band(motion, pinn)
    return [
        motion.save(folder / MOTION),
        write_table(folder / TORQUES, tuple(labels), table, in_degrees=False),
        write_json(folder / MARK, report(pinn)),
    ]


def _with_band(motion: Motion, pinn: GaitPINN) -> Motion:
    """The motion whose joint torques carry their 90 % posterior interval.

    Torques of coordinates that were not fitted have none (NaN). All samples are flagged where the
    fit did not come to a good end.
    """
    labels, torque = motion.labels("joint_torque"), motion["joint_torque"]
    half = np.full(torque.shape, np.nan)
    for name, deviation in zip(pinn.fitted_, pinn.torque_deviation_.T, strict=True):
        if name in labels:
            half[:, labels.index(name)] = NINETY * deviation
    flag = np.full(len(motion), pinn.status_ is not Status.CONVERGED)
    return motion.add(
        "joint_torque", torque, labels=labels, source="estimated",
        band=np.stack([torque - half, torque + half], axis=-1), flag=flag,
    )  # fmt: skip


def report(pinn: GaitPINN) -> dict[str, Any]:
    """JSON-able: status, losses, residuals, identified parameters with 95 % intervals, seconds."""
    masses = {
        name: {"value": kg, "unit": "kg", "interval_95": list(pinn.mass_interval_[name])}
        for name, kg in pinn.mass_.items()
    }
    return {
        "made_by": "bioenv",
        "trial": pinn.analysis_.name,
        "model": pinn.analysis_.anatomy.name,
        "status": str(pinn.status_),
        "message": pinn.message_,
        "seconds": pinn.seconds_,
        "iterations": len(pinn.history_),
        "window_s": [float(pinn.time_[0]), float(pinn.time_[-1])],
        "losses": pinn.losses_,
        "history": list(pinn.history_),
        "residuals": pinn.residual_,
        "torque_noise": pinn.torque_noise_,
        "torque_deviation": dict(
            zip(pinn.fitted_, np.sqrt((pinn.torque_deviation_**2).mean(axis=0)), strict=True)
        ),
        "torque_beside_the_muscles_rms": pinn.torque_misfit_,
        "parameters": {"mass": masses} if masses else {},
        "ground_force_found_for": list(pinn.unmeasured_),
        "belt_speed": pinn.belt_speed_,
        "settings": pinn.settings(),
        "notes": list(pinn.notes_),
    }
