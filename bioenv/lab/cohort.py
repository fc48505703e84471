"""Several measured people as one reference: their mean and the spread between them.

One person is no band. A cohort's mean curve is the mean of its members' means, and its standard
deviation is that between people: of the members' means (n - 1), or, where it is larger, the one of
a member that is itself a table of many people (Winter's). The spread of one person's strides says
nothing about other people and is not used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bioenv.errors import BioenvError
from bioenv.lab.reference import Curve, Figure, Reference

MEMBERS = ("dorschky2019", "falisse2019", "rajagopal2016", "uhlrich2022", "winter")
"""The shipped tables of grown-up walkers, 1.25 to 1.33 m/s; children (schwartz2008) are not in."""

GROUPS = ("winter",)
"""Members that are means of many people, whose standard deviation is one between people."""


def cohort(members: Sequence[Reference], name: str = "cohort") -> Reference:
    """Mean and between-people sd of two or more references; `Reference.members` keeps them.

    A curve that one member alone has keeps that member's mean, without an sd. A figure is the mean
    over the members that give it. Raises BioenvError for less than two, or one twice.
    """
    names = [one.name for one in members]
    if len(members) < 2 or len(set(names)) < len(names):
        raise BioenvError(
            f"a cohort needs two or more different people, got {', '.join(names) or 'nobody'}"
        )
    curves = dict.fromkeys(key for one in members for key in one.curves)
    figures = dict.fromkeys(key for one in members for key in one.figures)
    return Reference(
        name,
        {key: _curve([one for one in members if key in one.curves], key) for key in curves},
        {key: _figure([one for one in members if key in one.figures], key) for key in figures},
        "; ".join(f"{one.name}: {one.source}" for one in members),
        "; ".join(dict.fromkeys(one.licence for one in members)),
        f"{len(members)} references: {', '.join(names)}",
        notes=tuple(_who_has(members)),
        members=tuple(members),
    )


def _curve(owners: Sequence[Reference], key: str) -> Curve:
    means = np.array([one.curves[key].mean for one in owners])
    spread = np.full(means.shape[1], np.nan)
    if len(owners) > 1:
        spread = means.std(axis=0, ddof=1)
        for one in owners:
            if one.name in GROUPS:
                spread = np.fmax(spread, one.curves[key].sd)
    return Curve(means.mean(axis=0), spread, owners[0].curves[key].unit)


def _figure(owners: Sequence[Reference], key: str) -> Figure:
    values = [one.figures[key].value for one in owners]
    source = f"mean of {', '.join(one.name for one in owners)}"
    if len(values) > 1:
        source += f", sd between people {np.std(values, ddof=1):.3g}"
    return Figure(float(np.mean(values)), owners[0].figures[key].unit, source)


def _who_has(members: Sequence[Reference]) -> list[str]:
    """Which curves not everybody has, by the people who have them."""
    owners: dict[tuple[str, ...], list[str]] = {}
    for key in dict.fromkeys(key for one in members for key in one.curves):
        who = tuple(one.name for one in members if key in one.curves)
        if len(who) < len(members):
            owners.setdefault(who, []).append(key)
    return [f"only of {', '.join(who)}: {', '.join(keys)}" for who, keys in owners.items()]
