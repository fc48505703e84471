"""The .osim file of `two_legs`."""

from __future__ import annotations

from pathlib import Path

from two_legs import BODIES, CHAIN, GRAVITY, JOINTS, MARKERS, MUSCLES, WIDTH


def write_model(path: Path) -> Path:
    """Bodies, pins, straight muscles and markers, as OpenSim 4 writes them."""
    names = ["pelvis", *(f"{name}_{side}" for side in "rl" for name in CHAIN)]
    parts = "".join(
        f"<{kind} name='{kind.lower()}'><objects>{''.join(content)}</objects></{kind}>"
        for kind, content in (
            ("BodySet", map(_body, names)),
            ("JointSet", [_root(), *map(_pin, names[1:])]),
            ("ForceSet", (_muscle(name, side) for side in "rl" for name in MUSCLES)),
            ("MarkerSet", (one for name in names for one in _markers(name))),
        )
    )
    path.write_text(
        "<?xml version='1.0' encoding='UTF-8'?><OpenSimDocument Version='40000'>"
        f"<Model name='two_legs'><gravity>0 -{GRAVITY} 0</gravity>{parts}</Model></OpenSimDocument>"
    )
    return path


def _body(name: str) -> str:
    mass, (x, y), inertia = BODIES[name.split("_")[0]]
    return (
        f"<Body name='{name}'><mass>{mass}</mass><mass_center>{x} {y} 0</mass_center>"
        f"<inertia>{inertia} {inertia} {inertia} 0 0 0</inertia></Body>"
    )


def _frames(parent: str, child: str, place: str) -> str:
    frame = (
        "<PhysicalOffsetFrame name='{0}_at'><socket_parent>{1}</socket_parent><translation>{2}"
        "</translation><orientation>0 0 0</orientation></PhysicalOffsetFrame>"
    )
    where = "/ground" if parent == "ground" else f"/bodyset/{parent}"
    return (
        f"<socket_parent_frame>{parent}_at</socket_parent_frame>"
        f"<socket_child_frame>{child}_at</socket_child_frame><frames>"
        + frame.format(parent, where, place)
        + frame.format(child, f"/bodyset/{child}", "0 0 0")
        + "</frames>"
    )


def _coordinate(name: str, default: float, low: float, high: float) -> str:
    return (
        f"<Coordinate name='{name}'><default_value>{default}</default_value>"
        f"<range>{low} {high}</range></Coordinate>"
    )


def _root() -> str:
    axes = "".join(
        f"<TransformAxis name='{kind}'><coordinates>{coordinate}</coordinates><axis>{axis}</axis>"
        "<LinearFunction name='function'><coefficients>1 0</coefficients></LinearFunction>"
        "</TransformAxis>"
        for kind, coordinate, axis in (
            ("rotation1", "pelvis_tilt", "0 0 1"),
            ("translation1", "pelvis_tx", "1 0 0"),
            ("translation2", "pelvis_ty", "0 1 0"),
        )
    )
    coordinates = (
        _coordinate("pelvis_tilt", 0, -1.5, 1.5)
        + _coordinate("pelvis_tx", 0, -5, 5)
        + _coordinate("pelvis_ty", 0.93, -1, 2)
    )
    return (
        f"<CustomJoint name='ground_pelvis'>{_frames('ground', 'pelvis', '0 0 0')}<coordinates>"
        f"{coordinates}</coordinates><SpatialTransform>{axes}</SpatialTransform></CustomJoint>"
    )


def _pin(name: str) -> str:
    body, side = name.split("_")
    joint, (x, y) = JOINTS[body]
    parent = "pelvis" if body == "femur" else f"{CHAIN[CHAIN.index(body) - 1]}_{side}"
    z = 0.0 if body != "femur" else WIDTH if side == "r" else -WIDTH
    kind = "hip_flexion" if joint == "hip" else f"{joint}_angle"
    low, high = {"hip": (-2, 2), "knee": (-2.1, 0.1), "ankle": (-1, 1)}[joint]
    return (
        f"<PinJoint name='{joint}_{side}'>{_frames(parent, name, f'{x} {y} {z}')}<coordinates>"
        f"{_coordinate(f'{kind}_{side}', 0, low, high)}</coordinates></PinJoint>"
    )


def _muscle(name: str, side: str) -> str:
    *ends, strength = MUSCLES[name]
    points = ""
    for k, (body, x, y) in enumerate(ends):
        own = body if body == "pelvis" else f"{body}_{side}"
        z = (WIDTH if side == "r" else -WIDTH) if body == "pelvis" else 0.0
        points += (
            f"<PathPoint name='p{k}'><socket_parent_frame>/bodyset/{own}</socket_parent_frame>"
            f"<location>{x} {y} {z}</location></PathPoint>"
        )
    return (
        f"<Thelen2003Muscle name='{name}_{side}'><GeometryPath name='path'><PathPointSet><objects>"
        f"{points}</objects></PathPointSet></GeometryPath>"
        f"<max_isometric_force>{strength}</max_isometric_force>"
        f"<optimal_fiber_length>{0.2}</optimal_fiber_length>"
        f"<tendon_slack_length>{_slack(name)}</tendon_slack_length>"
        "<pennation_angle_at_optimal>0</pennation_angle_at_optimal></Thelen2003Muscle>"
    )


def _slack(name: str) -> float:
    """Tendon that leaves the fibers near their optimal length of 0.2 m in a bent leg."""
    return {"iliopsoas": 0.01, "glut_max": 0.02, "hamstrings": 0.24, "rect_fem": 0.26,
            "vasti": 0.16, "gastroc": 0.25, "soleus": 0.13, "tib_ant": 0.09}[name]  # fmt: skip


def _markers(name: str) -> list[str]:
    body = name.split("_")[0]
    left = -1 if name.endswith("_l") else 1
    return [
        f"<Marker name='{name}_{k}'><socket_parent_frame>/bodyset/{name}</socket_parent_frame>"
        f"<location>{x} {y} {z * left}</location></Marker>"
        for k, (x, y, z) in enumerate(MARKERS[body])
    ]
