"""bioenv's own optimal walk as a measured trial: markers, plates, and torques that are known."""

import numpy as np

from bioenv import models, paths
from bioenv.inverse.dynamics import Contact
from bioenv.inverse.generalized import generalized_forces
from bioenv.inverse.measured import Measured
from bioenv.lab.trial import ForcePlate, Markers
from bioenv.models.anatomy import BodyMarker
from bioenv.models.frames import Frames
from bioenv.models.native_anatomy import NativeAnatomy
from bioenv.motion import Motion


class Planar:
    """bioenv's optimal walk: markers on every segment of its body, forces of its feet, torques."""

    def __init__(self) -> None:
        motion = Motion.load(paths.agent_file("solutions", "predict-walk", "motion.nc"))
        self.body = NativeAnatomy(models.load("walker2d"))
        self.body.markers = tuple(
            BodyMarker(f"{i}_{k}", i, np.array(place))
            for i in range(1, self.body.mj.nbody)
            for k, place in enumerate(((0.04, 0.06, 0.0), (-0.04, 0, -0.03), (0.02, 0.06, -0.12)))
        )
        self.time = motion.time
        self.q, qd, qdd = (motion[name] * self.body.sign for name in ("qpos", "qvel", "qacc"))
        columns = [
            [motion.column(name, side) for name in ("ground_reaction_force", "center_of_pressure")]
            for side in "rl"
        ]
        self.force = np.stack([force for force, _ in columns], axis=1)
        still = np.zeros((len(motion), 3))
        self.plates = tuple(
            (ForcePlate(side, motion.time, force, point, still), f"calcn_{side}")
            for side, (force, point) in zip("rl", columns, strict=True)
        )
        self.contacts = [
            Contact(f"calcn_{side}", force, point)
            for side, (force, point) in zip("rl", columns, strict=True)
        ]
        self.torque = self.torque_of(self.q, qd, qdd)

    def torque_of(self, q, qd, qdd):
        """(T, 9) of the joints, under the true forces."""
        tau = generalized_forces(self.body, q, qd, qdd, self.contacts)
        return tau[:, 3:]

    def measured(self, noise: float) -> Measured:
        """Markers with noise, m, and plates."""
        places = np.stack([m.location for m in self.body.markers])
        found = np.empty((len(self.time), len(places), 3))
        of = [m.body for m in self.body.markers]
        fields = ("xpos", "xmat")
        for part, batch, rows in Frames(self.body.mj, self.q * self.body.sign, None, fields):
            where, turn = (
                batch.bind(name)[rows].reshape(len(rows), -1, *shape)[:, of]
                for name, shape in zip(fields, ((3,), (3, 3)), strict=True)
            )
            found[part] = where + (turn @ places[..., None])[..., 0]
        found += np.random.default_rng(0).normal(0, noise, found.shape)
        names = tuple(m.name for m in self.body.markers)
        return Measured("w", markers=Markers(self.time, names, found, 185.0), plates=self.plates)
