"""What a movement was made for: rewarded in training, minimized by optimal control, or imposed.

A figure that a movement was made for validates nothing. Everything is read from a Motion's meta.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from bioenv.evaluate.periodic import is_period, periods
from bioenv.motion import Motion

Maker = Literal["policy", "optimal control", "nobody"]

_SYMMETRY, _PERIOD = "symmetry", "period"
_TERMS = MappingProxyType({"impact": "ground_impact"})  # reward terms by another name than the goal
_IMPOSED = MappingProxyType(
    {
        _SYMMETRY: "left-right symmetry (each leg does what the other does half a stride later)",
        _PERIOD: "periodicity (a stride ends as it began)",
    }
)
_WORDS = MappingProxyType(
    {
        "vertical_grf": "vertical ground force",
        "vertical_grf_peak": "peak of the vertical ground force",
        "fore_aft_grf": "fore-aft ground force",
        "tracking": "distance from measured curves",
    }
)
_ANGLES, _VERTICAL, _FORE_AFT = "joint_angles", "vertical_grf", "fore_aft_grf"


@dataclass(frozen=True)
class Aim:
    """What one movement was made for.

    Attributes:
        maker: who made it; "nobody" when its meta does not say.
        rewarded: quantities that a policy's task rewards (`Task.rewarded`), or that was tracked.
        minimized: goals of an optimization, or penalties of the stage of training that gave the
            policy, with their weights (above 0).
        imposed: what the movement could not but have: "symmetry" of left and right, its "period",
            and what meta["imposed"] names, such as "speed".
    """

    maker: Maker = "nobody"
    rewarded: tuple[str, ...] = ()
    minimized: Mapping[str, float] = field(default_factory=dict)
    imposed: tuple[str, ...] = ()

    @property
    def quantities(self) -> frozenset[str]:
        """Everything by name, as :func:`bioenv.evaluate.bands.rewarded` takes it."""
        return frozenset({*self.rewarded, *self.minimized, *self.imposed})


def aim_of(motion: Motion) -> Aim:
    """The aim of a motion, from its meta."""
    meta = motion.meta
    rewarded = [str(name) for name in meta.get("rewarded", ())]
    goals = goals_of(motion)
    if "tracking" in goals:
        rewarded += [name for name in _tracked(meta) if name not in rewarded]
    minimized = goals or _penalties(meta)
    # An optimization lists its goals as rewarded too, even one without weight.
    twice = {*minimized, *meta.get("goals", ())}
    return Aim(
        _maker(motion), tuple(name for name in rewarded if name not in twice), minimized,
        tuple(dict.fromkeys(_imposed(motion))),
    )  # fmt: skip


def _maker(motion: Motion) -> Maker:
    if motion.meta.get("policy"):
        return "policy"
    if "goals" in motion.meta or any(s.source == "optimized" for s in motion.signals.values()):
        return "optimal control"
    return "policy" if motion.meta.get("rewarded") else "nobody"


def described(aim: Aim) -> dict[str, str]:
    """An aim in words: what was done -> to which quantities, for what there is."""
    weighted = ", ".join(f"{words(name)} ({w:g})" for name, w in aim.minimized.items())
    what = "minimized" if aim.maker == "optimal control" else "penalized in its last stage"
    rows = {
        "rewarded" if aim.maker != "optimal control" else "tracked":
            ", ".join(words(name) for name in aim.rewarded),
        what: f"{weighted}; weights in brackets" if weighted else "",
        "imposed": ", ".join(_IMPOSED.get(name, words(name)) for name in aim.imposed),
    }  # fmt: skip
    return {key: text for key, text in rows.items() if text}


def words(name: str) -> str:
    """A quantity's name for reading."""
    return _WORDS.get(name, name.replace("_", " "))


def goals_of(motion: Motion) -> dict[str, float]:
    """Goal -> weight above 0 that an optimization minimized; {} for other motions."""
    goals = motion.meta.get("goals")
    if not isinstance(goals, Mapping):
        return {}
    return {str(name): float(weight) for name, weight in goals.items() if weight > 0}


def _imposed(motion: Motion) -> Iterator[str]:
    meta = motion.meta
    yield from (str(name) for name in meta.get("imposed", ()))
    recipe = _card(meta).get("recipe")
    mirrored = isinstance(recipe, Mapping) and bool(recipe.get("mirror"))
    if meta.get("symmetry") == "mirror" or mirrored:
        yield _SYMMETRY
    if periods(motion) or is_period(motion):
        yield _PERIOD


def _tracked(meta: Mapping[str, Any]) -> Iterator[str]:
    """Quantities that the goal "tracking" follows; all it may follow when meta["tracks"] is not
    there."""
    tracks = meta.get("tracks")
    names = [str(name) for name in tracks] if tracks else [_ANGLES, _VERTICAL, _FORE_AFT]
    for name in names:
        force = {"grf_vertical": _VERTICAL, "grf_fore_aft": _FORE_AFT}
        yield next((what for key, what in force.items() if name.startswith(key)),
                   name if name in (_VERTICAL, _FORE_AFT) else _ANGLES)  # fmt: skip


def _penalties(meta: Mapping[str, Any]) -> dict[str, float]:
    """Reward terms with a negative weight in the stage of training that gave the policy."""
    card = _card(meta)
    recipe, best = card.get("recipe"), card.get("best_at")
    stages = recipe.get("stage") if isinstance(recipe, Mapping) else None
    number = best.get("stage") if isinstance(best, Mapping) else None
    if not stages or not isinstance(number, int) or not 0 <= number < len(stages):
        return {}
    weights = stages[number].get("reward_weights", {})
    return {_TERMS.get(name, name): -float(w) for name, w in weights.items() if w < 0}


def _card(meta: Mapping[str, Any]) -> Mapping[str, Any]:
    card = meta.get("policy")
    return card if isinstance(card, Mapping) else {}
