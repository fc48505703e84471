"""Names of the built-in tasks; each is built when it is first asked for."""

from __future__ import annotations

import importlib

CATALOG = {
    "bioenv/ElbowPose-v0": "elbow_pose",
    "bioenv/ArmReach-v0": "arm_reach",
    "bioenv/Stand-v0": "stand",
    "bioenv/SitToStand-v0": "sit_to_stand",
    "bioenv/Walk-v0": "walk",
    "bioenv/WalkImitate-v0": "walk_imitate",
    "bioenv/WalkImitate3D-v0": "walk_imitate_3d",
    "bioenv/WalkOptimal-v0": "walk_optimal",
    "bioenv/WalkPerturbed-v0": "walk_perturbed",
    "bioenv/WalkSpeeds-v0": "walk_speeds",
    "bioenv/WalkPeople-v0": "walk_people",
    "bioenv/Walk3D-v0": "walk_3d",
    "bioenv/AssistWalk-v0": "assist_walk",
    "bioenv/Run-v0": "run",
    "bioenv/Run3D-v0": "run_3d",
}
"""Task id -> module of bioenv.envs.catalog whose ``TASK`` it is."""


def register_all() -> None:
    """Make the built-in ids known to ``gymnasium.make`` and ``make_vec``; light and idempotent."""
    import gymnasium

    for name in CATALOG:
        if name not in gymnasium.registry:
            gymnasium_register(name)


def gymnasium_register(name: str) -> None:
    """Register ``name`` with Gymnasium; entry points are strings, so ``env.spec`` can be saved."""
    import gymnasium

    gymnasium.register(
        id=name,
        entry_point="bioenv.envs.single:BioEnv",
        vector_entry_point="bioenv.envs.vector:BioVectorEnv",
        kwargs={"task": name},
    )


def load(name: str) -> object:
    """The built-in task ``name``; its module is imported now."""
    return importlib.import_module(f"bioenv.envs.catalog.{CATALOG[name]}").TASK
