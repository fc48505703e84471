"""Rows of the table that summarize: distances from people, experimental match, tests of curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bioenv.errors import BioenvError
from bioenv.evaluate.compare import comparisons
from bioenv.evaluate.gait import Gait
from bioenv.evaluate.likeness import FARTHEST, GROUPS, Likeness
from bioenv.evaluate.periodic import periods
from bioenv.evaluate.score import Score
from bioenv.evaluate.statistics import one_more_person, sign_flip_test
from bioenv.lab.reference import Reference

UNIT = "people"
"""Unit of a distance: that of another person."""

_TOTALS = {
    "distance_held_out": ("held_out", "what the movement was not made for"),
    "distance_aimed_at": ("aimed_at", "what it was made for"),
    "distance_total": ("total", "everything"),
}
_MATCHED = ("kinematics", "kinetics", "ground_force", "out_of_plane")  # EMG has no amplitude
_FEWEST_PEOPLE = 3
_FEWEST_STRIDES = 6  # fewer can never be significant at 5 %: two of 2^5 sign patterns are 6 %


def likeness_rows(one: Likeness, reference: Reference) -> Iterator[Score]:
    """A distance for each group, then the totals; 1 is as far as another person."""
    how = f"root mean square over quantities, each at most {FARTHEST:g}; against {reference.name}"
    for group, value in one.groups.items():
        mine = [d for d in one.distances if d.group == group]
        aimed = [d.name for d in mine if d.rewarded]
        missing = [d.name for d in mine if not np.isfinite(d.value)]
        note = f"{how}; of {', '.join(d.name for d in mine)}"
        note += f"; aimed at: {', '.join(aimed)}" if 0 < len(aimed) < len(mine) else ""
        note += f"; not shown, counts {FARTHEST:g}: {', '.join(missing)}" if missing else ""
        words = "1 is another person"
        yield Score(
            f"distance_{group}", value, UNIT, words, None, note, rewarded=len(aimed) == len(mine)
        )
    for name, (attribute, what) in _TOTALS.items():
        value = getattr(one, attribute)
        if np.isfinite(value):
            note = f"mean over groups of {what}; against {reference.name}"
            yield Score(name, value, UNIT, "1 is another person", None, note,
                        rewarded=attribute == "aimed_at")  # fmt: skip


def curve_rows(gait: Gait, reference: Reference) -> Iterator[Score]:
    """Experimental match by group, tests of strides against the reference, and of a cohort."""
    if not gait.count:
        return
    found = comparisons(gait, reference)
    for group in _MATCHED:
        inside = [found[n].inside_2sd for n in GROUPS[group] if n in found]
        known = [value for value in inside if np.isfinite(value)]
        if known:
            note = f"mean over {len(known)} curves of {group}; {reference.people}"
            yield Score(f"match_{group}", float(np.mean(known)), "1", "", None, note)
    yield from _differences(gait, reference)
    for group in _MATCHED[:3]:
        p = _person(gait, reference, GROUPS[group])
        if p is not None:
            note = f"permutation of who is the newcomer, largest deviation over {group}"
            yield Score(f"one_more_person_{group}", p, "p", "", None, note)


def _differences(gait: Gait, reference: Reference) -> Iterator[Score]:
    """Share of the cycle in which the mean of all strides is not the reference's, at 5 %."""
    if periods(gait.motion):
        return  # copies have no spread
    names = [n for group in _MATCHED[:3] for n in GROUPS[group] if n in reference.curves]
    for name in names:
        strides = [legs[name] for legs in gait.curves.values() if name in legs]
        values = np.concatenate(strides) if strides else np.empty((0, 1))
        if len(values) < _FEWEST_STRIDES:
            continue
        try:
            test = sign_flip_test(values[:, :-1], reference.curve(name).mean[:-1])
        except BioenvError:
            continue  # a stride with gaps
        note = f"{len(values)} strides against the mean of {reference.name}, sign-flip max-t, 5 %"
        yield Score(
            f"{name}_differs", float(test.where.mean()), "1", f"p = {test.p:.3g}", None, note
        )


def _person(gait: Gait, reference: Reference, names: tuple[str, ...]) -> float | None:
    """p that the gait is one more of the cohort's people, over the curves that enough of them have.

    None without a cohort or without the curves.
    """
    shown = [n for n in names if gait.mean_curve(n)]
    people = [p for p in reference.members if all(n in p.curves for n in shown)]
    if not shown or len(people) < _FEWEST_PEOPLE:
        return None
    mine = [np.mean(list(gait.mean_curve(n).values()), axis=0) for n in shown]
    rows = [np.concatenate([p.curve(n).mean for n in shown]) for p in people]
    return one_more_person(np.concatenate(mine), np.array(rows))
