"""Ground that is not level: slopes, and footholds that lie higher, lower or tilted.

A slope is gravity turned in the sagittal plane (`Parameters.incline`). Uneven ground is a floor of
its own under each foot, an exact plane that gets another height and tilt while the foot is in the
air. It rises no further than the swinging foot leaves room: a bump lies where the foot lands, not
on its way there, and a floor never pushes into a foot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv import models
from bioenv.envs.columns import columns
from bioenv.envs.random import Draws
from bioenv.envs.simulation import Simulation
from bioenv.errors import BioenvError
from bioenv.models import Model, Subject

Array = NDArray[np.float64]
Range = tuple[float, float]

CLEARANCE = (
    0.006  # m; a foot falls by half of that in a physics step, so it lands on a floor at rest
)


@dataclass(frozen=True)
class Ground:
    """What `Task.ground` draws; all zero is level ground.

    Args:
        slope: rad, drawn per episode, uphill positive.
        height: m of a foothold above or below the mean ground, drawn for every step.
        tilt: rad of a foothold against the mean ground, uphill positive, drawn for every step.
    """

    slope: Range = (0.0, 0.0)
    height: Range = (0.0, 0.0)
    tilt: Range = (0.0, 0.0)

    @property
    def uneven(self) -> bool:
        """Whether footholds differ."""
        return any(bound != 0.0 for bound in (*self.height, *self.tilt))


def on_footholds(name: str) -> Callable[[Subject | None], Model]:
    """``Task.model`` of a shipped model whose feet stand on floors of their own."""

    def build(subject: Subject | None) -> Model:
        return models.load(name, subject, edit=separate_floors)

    return build


def separate_floors(spec: mujoco.MjSpec) -> None:
    """Give every foot that has a sensor grf_<foot> a floor floor_<foot>; edits ``spec`` in place.

    The common floor is only drawn from then on.
    """
    spec.geom("floor").contype = spec.geom("floor").conaffinity = 0
    sensors = [one for one in spec.sensors if one.name.startswith("grf_")]
    for sensor in sensors:
        plane = f"floor_{sensor.name.removeprefix('grf_')}"
        # a mocap body: it stays where it is put, and its place belongs to the state
        floor = spec.worldbody.add_body(name=plane, mocap=True)
        floor.add_geom(
            name=plane, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], contype=0, conaffinity=0,
            density=0, group=4, rgba=[0, 0, 0, 0],
        )  # fmt: skip
        foot = spec.body(sensor.refname)
        geoms = {geom.name for geom in foot.find_all("geom")}
        sensor.objname = plane
        for pair in spec.pairs:
            if pair.geomname1 == "floor" and pair.geomname2 in geoms:
                pair.geomname1 = plane


class Footholds:
    """The floors under the feet of every simulation, (B, feet) each.

    Attributes:
        height, tilt: m, rad, drawn for the foothold. level: m, the height it has reached.
        anchor: m forward, where the floor has its level: under the foot when it was last free.
        used: whether the foot has stood there.
    """

    def __init__(self, simulation: Simulation, ground: Ground) -> None:
        model, num = simulation.model, simulation.num
        self.simulation, self.ground = simulation, ground
        planes = [_floor(model, foot) for foot in model.feet]
        self.spheres = [_spheres(model, plane) for plane in planes]
        self.floors = model.mj.body_mocapid[model.mj.geom_bodyid[planes]]
        self.position = simulation.batch.bind("mocap_pos")
        self.orientation = simulation.batch.bind("mocap_quat")
        self.centre = simulation.batch.bind("geom_xpos")
        shape = (num, len(model.feet))
        self.height, self.tilt, self.level, self.anchor = np.zeros((4, *shape))
        self.used = np.ones(shape, dtype=bool)

    def reset(self, ids: NDArray[np.intp]) -> None:
        """Simulations ``ids`` (n,) stand on level ground, as `Simulation.reset` leaves them."""
        for name in ("height", "tilt", "level", "anchor"):
            getattr(self, name)[ids] = 0.0
        self.used[ids] = True

    def move(self, rng: Draws) -> None:
        """Draw the next foothold of every foot that has left its last one, and lay it.

        rng draws B rows, and the same number whatever the feet do.
        """
        sim, ground = self.simulation, self.ground
        force = sim.sensordata[:, columns(sim.model).foot_force]
        bears = (force != 0.0).any(axis=2)
        self.used |= bears
        clear = self._room(self.tilt, self.anchor) - self.level  # m, of the lowest sphere
        free = ~bears & (clear > CLEARANCE)
        new = free & self.used
        feet = np.ones(len(self.floors))
        height = rng.uniform(ground.height[0] * feet, ground.height[1] * feet)
        tilt = rng.uniform(ground.tilt[0] * feet, ground.tilt[1] * feet)
        self.used &= ~new
        self.height, self.tilt = np.where(new, height, self.height), np.where(new, tilt, self.tilt)
        under = np.stack([self.centre[:, s, 0].mean(axis=1) for s in self.spheres], axis=1)
        self.anchor = np.where(free, under, self.anchor)
        room = self._room(self.tilt, self.anchor) - CLEARANCE
        reached = np.where(new, room, np.maximum(room, self.level))
        self.level = np.where(free, np.minimum(self.height, reached), self.level)
        self._lay(np.flatnonzero(free.any(axis=1)))

    def _room(self, tilt: Array, anchor: Array) -> Array:
        """(B, feet) m, highest level at which floors of that tilt meet no sphere of their foot."""
        radius = self.simulation.parameters.current("geom_size")[..., 0]
        highest = []
        for foot, spheres in enumerate(self.spheres):
            centre, slope = self.centre[:, spheres], tilt[:, foot, None]
            ahead = centre[..., 0] - anchor[:, foot, None]
            above = centre[..., 2] - np.tan(slope) * ahead - radius[:, spheres] / np.cos(slope)
            highest.append(above.min(axis=1))
        return np.stack(highest, axis=1)

    def _lay(self, ids: NDArray[np.intp]) -> None:
        """Put the floors of simulations ``ids`` where their state says."""
        rows, zero = np.ix_(ids, self.floors), np.zeros_like(self.level[ids])
        self.position[rows] = np.stack((self.anchor[ids], zero, self.level[ids]), axis=2)
        half = 0.5 * self.tilt[ids]  # uphill is a turn about -y
        self.orientation[rows] = np.stack((np.cos(half), zero, -np.sin(half), zero), axis=2)

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """Everything here, as named arrays."""
        names = ("height", "tilt", "level", "anchor", "used")
        return {f"foothold/{name}": getattr(self, name).copy() for name in names}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from :meth:`snapshot`; where the floors are belongs to the simulation's."""
        for name in ("height", "tilt", "level", "anchor", "used"):
            getattr(self, name)[:] = snapshot[f"foothold/{name}"]


def _floor(model: Model, foot: str) -> int:
    plane = mujoco.mj_name2id(model.mj, mujoco.mjtObj.mjOBJ_GEOM, f"floor_{foot}")
    if plane < 0:
        raise BioenvError(
            f"uneven ground needs a floor under each foot, but {model.name} has no geom "
            f"'floor_{foot}': give the task model=on_footholds({model.name!r})"
        )
    return plane


def _spheres(model: Model, plane: int) -> NDArray[np.intp]:
    """Geoms that meet a plane; which of a pair comes first is the compiler's choice."""
    first, second = model.mj.pair_geom1, model.mj.pair_geom2
    met = np.concatenate((second[first == plane], first[second == plane]))
    return met.astype(np.intp)
