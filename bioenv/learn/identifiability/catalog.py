"""Ready-made experiments by name, each with the extra measurements that come to mind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from typing import Any

from bioenv.errors import unknown
from bioenv.learn.identifiability.contact import landing
from bioenv.learn.identifiability.design import additions
from bioenv.learn.identifiability.elbow import REST, isometric
from bioenv.learn.identifiability.elbow_movement import moved
from bioenv.learn.identifiability.experiment import Experiment
from bioenv.learn.identifiability.gait import gait
from bioenv.learn.identifiability.pendulum import pendulum
from bioenv.learn.identifiability.together import joined

Extras = dict[str, Callable[[], Experiment]]
POSTURES = (REST - 0.6, REST, REST + 0.6)  # rad
LOAD, MOTOR, TORQUE = 1.0, 2.0, 1.0  # kg, N m at the elbow, N m at the pendulum
SLIDE, PUSH = 2.0, 150.0  # m/s, N: the foot slips
BOTH = ("flexor", "extensor")


@dataclass(frozen=True)
class Entry:
    """make: settings -> experiment; text: what it is; more: settings -> extra measurements."""

    make: Callable[..., Experiment]
    text: str
    more: Callable[[Entry, Experiment, Mapping[str, Any]], Extras]

    def settings(self) -> dict[str, Any]:
        """Names and defaults."""
        return {key: one.default for key, one in signature(self.make).parameters.items()}


def names() -> tuple[str, ...]:
    """Of the ready-made experiments."""
    return tuple(EXPERIMENTS)


def ready(name: str, **settings: Any) -> Experiment:
    """A ready-made experiment.

    Raises BioenvError for an unknown name or setting.
    """
    entry = _entry(name)
    for key in settings:
        if key not in entry.settings():
            raise unknown(f"setting of {name}", key, entry.settings())
    return entry.make(**settings)


def extras(name: str, experiment: Experiment, **settings: Any) -> dict[str, Experiment]:
    """What could be added to a ready-made experiment, made with these settings and then changed in
    what it measures and what is known: more outputs, parameters known to 5 %, more trials."""
    entry = _entry(name)
    more = entry.more(entry, experiment, {**entry.settings(), **settings})
    return additions(experiment) | {key: make() for key, make in more.items()}


def settings_of(name: str) -> dict[str, Any]:
    """Settings of a ready-made experiment and their defaults."""
    return _entry(name).settings()


def _entry(name: str) -> Entry:
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def _isometric(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    found: Extras = {}
    for q in POSTURES:
        if all(abs(q - have) > 0.1 for have in now["postures"]):
            postures = (*now["postures"], q)
            found[f"another posture, {q:.2g} rad"] = partial(
                _varied, entry, e, now, postures=postures
            )
    if len(now["levels"]) == 1:
        levels = (*now["levels"], 0.5 * now["levels"][0])
        found["half the effort, too"] = partial(_varied, entry, e, now, levels=levels)
    found["twice the repeats"] = partial(_varied, entry, e, now, repeats=2 * now["repeats"])
    return found


def _moved(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    found = _longer(entry, e, now)
    if not now["load"]:
        # One trial with a known load tells no more than one without; both together do.
        found[f"a second trial, with {LOAD:g} kg in the hand"] = lambda: joined(
            "with and without load", e, _varied(entry, e, now, load=LOAD)
        )
    if not now["motor"]:
        found[f"a known motor torque of {MOTOR:g} N m"] = partial(
            _varied, entry, e, now, motor=MOTOR
        )
    found["steady contractions at three postures with a dynamometer"] = lambda: joined(
        "with dynamometer", e, isometric(muscles=now["muscles"], postures=POSTURES).knowing(
            {one.name: one.known for one in e.parameters if one.name.startswith(STRENGTH)}
        )
    )  # fmt: skip
    return found


def _pendulum(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    found = _longer(entry, e, now)
    if not now["motor"]:
        found[f"a known motor torque of {TORQUE:g} N m"] = partial(
            _varied, entry, e, now, motor=TORQUE
        )
    return found


def _landing(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    found: Extras = {"twice as long": partial(_varied, entry, e, now, duration=2 * now["duration"])}
    if not now["slide"]:
        found[f"a landing that slides at {SLIDE:g} m/s"] = partial(
            _varied, entry, e, now, slide=SLIDE
        )
    if not now["push"]:
        found[f"a landing that slides at {SLIDE:g} m/s, pushed by {PUSH:g} N"] = partial(
            _varied, entry, e, now, slide=SLIDE, push=PUSH
        )
    return found


def _gait(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    half = {one.name: one.noise * 0.5**0.5 for one in e.outputs}
    return {"a second trial like it": lambda: e.noisy(half)}


def _longer(entry: Entry, e: Experiment, now: Mapping[str, Any]) -> Extras:
    return {
        "twice as long": partial(_varied, entry, e, now, duration=2 * now["duration"]),
        "twice the sampling rate": partial(_varied, entry, e, now, rate=2 * now["rate"]),
    }


def _varied(entry: Entry, e: Experiment, now: Mapping[str, Any], **changes: Any) -> Experiment:
    return entry.make(**{**now, **changes}).like(e)


STRENGTH = ("max_isometric_force", "moment_arm", "optimal_fiber_length", "tendon_slack_length",
            "drive")  # fmt: skip
EXPERIMENTS: dict[str, Entry] = {
    "elbow-isometric": Entry(isometric, "steady contractions against a dynamometer", _isometric),
    "elbow": Entry(moved, "excited muscles move the forearm, a goniometer looks on", _moved),
    "pendulum": Entry(pendulum, "a segment swings about a joint", _pendulum),
    "foot-contact": Entry(landing, "a foot lands on the ground, and may slide", _landing),
    "gait-muscle": Entry(gait, "joint moments of a gait trial, with its activations", _gait),
}
"""By name: `bioenv learn identifiability NAME`."""
