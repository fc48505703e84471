"""Tendon lengths and moment arms as they were when the policies were trained.

MuJoCo's wrapping has changed between versions (in 4.0, 10 of 54 arm tendons by more than 1 mm); a
policy or a figure of this project holds for the geometry recorded here. After a change on purpose:
``python tests/golden/test_geometry.py`` writes the record anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bioenv import models
from bioenv.inverse.dynamics import moment_arms
from bioenv.models import Model

RECORD = Path(__file__).with_name("geometry.json")
POSES = 8


def poses(model: Model) -> np.ndarray:
    """(POSES, nq) over the middle of every range, the root at home."""
    low, high = model.mj.jnt_range.T
    share = np.random.default_rng(0).uniform(0.15, 0.85, (POSES, model.mj.nq))
    limited = model.mj.jnt_limited.astype(bool)
    return np.where(limited, low + share * (high - low), model.home)


def geometry(model: Model) -> dict[str, list]:
    """Lengths (POSES, nm) m and moment arms (POSES, nm, nv) m, rounded to a micrometre."""
    import mujoco
    from mujoco.batch import Batch

    qpos = poses(model)
    batch = Batch(model.mj, len(qpos), 1)
    batch.bind("qpos")[:] = qpos
    length = batch.bind("actuator_length")
    batch.forward(stage=mujoco.mjtStage.mjSTAGE_VEL.value)
    arms = moment_arms(model, qpos)
    return {"length": np.round(length, 6).tolist(), "moment_arm": np.round(arms, 6).tolist()}


@pytest.mark.parametrize("name", ["elbow", "arm26", "walker2d", "legs3d"])
def test_geometry_is_the_recorded_one(name):
    recorded, now = json.loads(RECORD.read_text())[name], geometry(models.load(name))
    np.testing.assert_allclose(now["length"], recorded["length"], atol=2e-6)
    np.testing.assert_allclose(now["moment_arm"], recorded["moment_arm"], atol=1e-5)


if __name__ == "__main__":
    record = {
        name: geometry(models.load(name)) for name in ("elbow", "arm26", "walker2d", "legs3d")
    }
    RECORD.write_text(json.dumps(record) + "\n")
