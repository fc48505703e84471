"""The verdict of a report in a few plain sentences: how far from the person, and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioenv.evaluate.compare import comparisons, pooled_rmse
from bioenv.evaluate.gait import DEGREE, JOINTS, spatiotemporal
from bioenv.evaluate.report.content import Shown
from bioenv.evaluate.report.table import ScoreLike, words
from bioenv.lab.reference import Reference

_NAMED = 6  # checks that are named when they fail
_JOINT = {"hip_flexion": "hip", "knee_angle": "knee", "ankle_angle": "ankle"}


def verdict(one: Shown, scores: Sequence[ScoreLike], reference: Reference | None) -> str:
    """One to three sentences on one motion."""
    said = [_movement(one, reference), _distance(one, reference), _people(scores), _checks(scores)]
    return " ".join(sentence for sentence in said if sentence)


def _movement(one: Shown, reference: Reference | None) -> str:
    fell = one.motion.meta.get("ended") == "terminated"
    end = f" and ended early, after {one.motion.duration:.1f} s" if fell else ""
    if "ground_reaction_force" not in one.motion:
        return f"{one.label} lasted {one.motion.duration:.1f} s{end}.{_success(one)}"
    if not one.walks:
        return (
            f"{one.label} lasted {one.motion.duration:.1f} s{end}; {one.gait.why}.{_success(one)}"
        )
    speed = spatiotemporal(one.gait).get("speed")
    if speed is None:
        return f"{one.label} made {one.gait.count} strides{end}."
    person = reference.figure("speed") if reference is not None else None
    beside = f" ({reference.name}: {person:.2f} m/s)" if reference and person else ""
    return f"{one.label} walks at {speed.value:.2f} m/s{beside}{end}."


def _success(one: Shown) -> str:
    met = one.motion.meta.get("success")
    if not isinstance(met, bool):
        return ""
    return f" It {'met' if met else 'did not meet'} the task's measure of success."


def _distance(one: Shown, reference: Reference | None) -> str:
    """How far the joint angles are, which joint is the worst, and where in the cycle."""
    if reference is None or not one.walks:
        return ""
    found = comparisons(one.gait, reference)
    pooled = pooled_rmse(found, JOINTS)
    if pooled is None:
        return ""
    worst = max(JOINTS, key=lambda name: found[name].rmse)
    mean = np.mean(list(one.gait.mean_curve(worst).values()), axis=0)
    miss = (mean - reference.curve(worst).mean) * DEGREE
    at = int(np.argmax(np.abs(miss)))
    more = "more" if miss[at] > 0 else "less"
    verb = "dorsiflexed" if worst == "ankle_angle" else "flexed"
    return (
        f"Hip, knee and ankle are {pooled:.1f}° from {reference.name} (root mean square), most at "
        f"the {_JOINT[worst]}: {found[worst].rmse:.1f}°, up to {abs(miss[at]):.0f}° {more} {verb} "
        f"at {at}\u00a0% of the gait cycle."
    )


def _people(scores: Sequence[ScoreLike]) -> str:
    """Whether it could be at all, and how human it is in what it was not made for."""
    by_name = {score.name: score for score in scores}
    possible, held = by_name.get("physically_possible"), by_name.get("distance_held_out")
    if possible is not None and not possible.ok:
        return f"It is not physically possible: {possible.source.rpartition('; ')[2]}."
    if held is None:
        return ""
    return (
        f"In what it was not made for it is {held.value:.1f} times as far from the reference as "
        "another person."
    )


def _checks(scores: Sequence[ScoreLike]) -> str:
    judged = [s for s in scores if s.ok is not None]
    if not judged:
        return ""
    free = [s for s in judged if not s.rewarded]
    held = sum(bool(s.ok) for s in judged)
    held_free = sum(bool(s.ok) for s in free)
    said = (
        f"{held} of {len(judged)} checks hold; of the {len(free)} that were not rewarded, "
        f"minimized or imposed, {held_free} hold."
    )
    failed = [words(s.name) for s in judged if not s.ok]
    if not failed:
        return said
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return f"{said} Missed: {', '.join(failed[:_NAMED])}{more}."
