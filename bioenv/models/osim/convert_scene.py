"""What a converted skeleton needs around it: floor, feet, sensors, something to see."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from bioenv.models.osim.convert_moving import body_name
from bioenv.models.osim.convert_skeleton import Leader
from bioenv.models.osim.description import Contact, Description, Joint
from bioenv.models.osim.skeleton import UPRIGHT, quaternion

Array = NDArray[np.float64]

# Spheres of a foot whose toe joint lies 0.1971 m before the origin of the heel bone: those of the
# files of Arnold et al. 2013, their two pairs of toes and rearfoot reduced to one each. File axes,
# right foot: body, center m.
_TOE_JOINT, _RADIUS = 0.1971, 0.035
_FOOT = {
    "heel": ("calcn", (0.0146, 0.02, -0.0123)),
    "ball_lateral": ("calcn", (0.1534, 0.02, 0.0595)),
    "ball_medial": ("calcn", (0.2036, 0.02, -0.0399)),
    "toe": ("toes", (0.0550, 0.02, 0.0100)),
}
# As in bioenv's own models: 9 mm of heel pad and shoe under body weight.
_PAIR = {
    "condim": 3,
    "friction": (0.9, 0.9, 0.005, 0.0001, 0.0001),
    "solref": (0.02, 1.0),
    "solreffriction": (0.01, 1.0),
    "solimp": (0.05, 0.9, 0.015, 0.5, 2.0),
}
_COLORS = {"bone": (0.88, 0.82, 0.74, 1.0), "foot": (0.2, 0.6, 0.3, 0.5)}


def add_options(spec: mujoco.MjSpec, timestep: float) -> None:
    """Solver options of bioenv's models, and room for the muscles' own figures."""
    kinds = mujoco.mjtDisableBit
    spec.option.timestep = timestep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 2.0
    spec.option.disableflags |= int(kinds.mjDSBL_ISLAND) | int(kinds.mjDSBL_MIDPHASE)
    spec.nuser_actuator = 3


def add_floor(spec: mujoco.MjSpec) -> None:
    """Light, sky and the floor, which only foot spheres meet."""
    world = spec.worldbody
    world.add_light(
        pos=(0.0, -3.0, 6.0), dir=(0.0, 0.4, -1.0), diffuse=(0.5, 0.5, 0.5),
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
    )  # fmt: skip
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=384,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=(0.82, 0.88, 0.95), rgb2=(0.97, 0.98, 1),
    )  # fmt: skip
    spec.add_texture(
        name="tiles", type=mujoco.mjtTexture.mjTEXTURE_2D, width=256, height=256,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=(0.9, 0.91, 0.92), rgb2=(0.8, 0.82, 0.84),
    )  # fmt: skip
    floor = spec.add_material(name="floor", texuniform=True, texrepeat=(2.0, 2.0), reflectance=0.05)
    floor.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "tiles"
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(0.0, 0.0, 1.0), material="floor",
        contype=1, conaffinity=0,
    )  # fmt: skip


def add_feet(spec: mujoco.MjSpec, description: Description) -> dict[str, list[str]]:
    """Foot spheres, their pairs with the floor, and a sensor grf_<side> each.

    The file's spheres; without any, a heel, two balls and a toe on the bodies calcn_ and toes_.
    Returns the spheres' names by side, empty for a model without feet.
    """
    given = description.contacts or tuple(_foot_spheres(description))
    feet: dict[str, list[str]] = {}
    for sphere in given:
        side = sphere.body.rsplit("_", 1)[-1]
        spec.body(body_name(sphere.body)).add_geom(
            name=sphere.name, type=mujoco.mjtGeom.mjGEOM_SPHERE, pos=UPRIGHT @ sphere.location,
            size=(sphere.radius, 0.0, 0.0), contype=0, conaffinity=1, group=3, density=0.0,
            rgba=_COLORS["foot"],
        )  # fmt: skip
        spec.add_pair(name=sphere.name, geomname1="floor", geomname2=sphere.name, **_PAIR)
        feet.setdefault(side, []).append(sphere.name)
    for side in feet:
        bodies = {c.body for c in given if c.body.rsplit("_", 1)[-1] == side}
        _add_grf(spec, side, _root_of(description, bodies))
    return feet


def _foot_spheres(description: Description) -> list[Contact]:
    joints = {joint.child: joint for joint in description.joints}
    spheres = []
    for side, mirror in (("r", 1.0), ("l", -1.0)):
        toes, heel = f"toes_{side}", f"calcn_{side}"
        if heel not in joints:
            continue
        reach = joints[toes].parent_pose.position if toes in joints else UPRIGHT[:, 0] * _TOE_JOINT
        scale = float(np.linalg.norm(reach)) / _TOE_JOINT
        for name, (bone, place) in _FOOT.items():
            center = scale * np.array(place) * [1.0, 1.0, mirror]
            body = f"{bone}_{side}"
            if body not in joints:
                center, body = center + UPRIGHT.T @ reach, heel
            spheres.append(Contact(f"{name}_{side}", body, center, scale * _RADIUS))
    return spheres


def _root_of(description: Description, bodies: set[str]) -> str:
    """The body nearest the ground whose subtree holds all of them."""
    return next(joint.child for joint in description.joints if joint.child in bodies)


def _add_grf(spec: mujoco.MjSpec, side: str, root: str) -> None:
    fields = mujoco.mjtConDataField
    data = sum(
        1 << int(field)
        for field in (
            fields.mjCONDATA_FOUND, fields.mjCONDATA_FORCE, fields.mjCONDATA_TORQUE,
            fields.mjCONDATA_POS,
        )
    )  # fmt: skip
    netforce = 3  # the reduction "netforce"
    spec.add_sensor(
        name=f"grf_{side}", type=mujoco.mjtSensor.mjSENS_CONTACT,
        objtype=mujoco.mjtObj.mjOBJ_GEOM, objname="floor",
        reftype=mujoco.mjtObj.mjOBJ_XBODY, refname=root, intprm=(data, netforce, 1),
    )  # fmt: skip


def add_joint_sensors(
    spec: mujoco.MjSpec, description: Description, leaders: Sequence[Leader]
) -> list[str]:
    """A site and a force sensor contact_<joint> where a coordinate moves a body within the body,
    and what the limits bear. Returns the joints' names, "walker_knee_r" as "knee_r"."""
    moving = {one.coordinate for one in leaders if not one.root}
    names = []
    for joint in description.joints:
        if not any(c.name in moving for c in joint.coordinates):
            continue
        name = joint.name.removeprefix("walker_")
        spec.body(joint.child).add_site(
            name=name, pos=joint.child_pose.position, size=(0.012, 0.0, 0.0), group=3
        )
        spec.add_sensor(
            name=f"contact_{name}", type=mujoco.mjtSensor.mjSENS_FORCE,
            objtype=mujoco.mjtObj.mjOBJ_SITE, objname=name,
        )  # fmt: skip
        names.append(name)
    for one in leaders:
        if one.limited:
            spec.add_sensor(
                name=f"limit_{one.joint}", type=mujoco.mjtSensor.mjSENS_JOINTLIMITFRC,
                objtype=mujoco.mjtObj.mjOBJ_JOINT, objname=one.joint,
            )  # fmt: skip
    return names


def add_markers(spec: mujoco.MjSpec, description: Description) -> None:
    """The file's markers as sites, "marker_" before a name that is taken."""
    taken = {site.name for site in spec.sites}
    for marker in description.markers:
        name = f"marker_{marker.name}" if marker.name in taken else marker.name
        spec.body(body_name(marker.body)).add_site(
            name=name, pos=UPRIGHT @ marker.location, size=(0.006, 0.0, 0.0), group=3,
            rgba=(0.9, 0.3, 0.5, 1.0),
        )  # fmt: skip


def add_bones(spec: mujoco.MjSpec, description: Description) -> None:
    """A stick from every body's origin to each joint on it, and a camera on the first body."""
    for joint in description.joints:
        end = joint.parent_pose.position
        if joint.parent != "ground" and np.linalg.norm(end) > 0.03:
            _stick(spec, joint.parent, f"{joint.parent}-{joint.child}", end)
    parents = {joint.parent for joint in description.joints}
    for body in description.bodies:
        if body.name not in parents and np.linalg.norm(body.mass_center) > 0.02:
            _stick(spec, body.name, body.name, 1.7 * body.mass_center)
    first: Joint = description.joints[0]
    spec.body(first.child).add_camera(
        name="side", mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM, pos=(0.0, -3.6, 0.2),
        quat=quaternion(np.array([[1.0, 0.0, 0.0], [0.0, 0.06, -0.998], [0.0, 0.998, 0.06]])),
        fovy=40.0,
    )  # fmt: skip


def _stick(spec: mujoco.MjSpec, body: str, name: str, end: Array) -> None:
    spec.body(body).add_geom(
        name=f"bone_{name}", type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=(0.018, 0.0, 0.0),
        fromto=[0.0, 0.0, 0.0, *end], contype=0, conaffinity=0, density=0.0, group=2,
        rgba=_COLORS["bone"],
    )  # fmt: skip
