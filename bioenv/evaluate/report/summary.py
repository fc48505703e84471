"""The report at a glance: every motion beside the measured person, one row per question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from bioenv.evaluate.bands import PEOPLE
from bioenv.evaluate.compare import between_people, pooled_rmse
from bioenv.evaluate.gait import JOINTS
from bioenv.evaluate.likeness import GROUPS
from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content
from bioenv.evaluate.report.page import Section, hint
from bioenv.evaluate.report.table import AIMED, ScoreLike, marked, number, unit_words
from bioenv.lab.reference import Reference


class _Line(NamedTuple):
    """A row: a score's name and what it is called."""

    score: str
    title: str


_LINES = (
    _Line("speed", "Speed"),
    _Line("stride_length", "Stride length"),
    _Line("cadence", "Cadence"),
    _Line("duty_factor", "Stance, share of the cycle"),
    _Line("joint_angle_rmse", "Joint angles, distance from the person"),
    _Line("grf_vertical_rmse", "Vertical ground force, distance from the person"),
    _Line("peak_vertical_grf", "Vertical ground force, peak"),
    _Line("grf_fore_aft_rmse", "Fore-aft ground force, distance from the person"),
    _Line("emg_r", "Muscle activation, mean correlation with EMG"),
    _Line("cost_of_transport", "Metabolic cost of transport, gross"),
    _Line("gross_metabolic_power", "Metabolic power, gross"),
    _Line("knee_contact_peak", "Knee contact force, peak"),
    _Line("hip_contact_peak", "Hip contact force, peak"),
    _Line("emg_matched", "EMG channels with r of 0.6 or more"),
    _Line("cost_total", "Shared cost"),
    _Line("distance_held_out", "Distance from people, what it was not made for"),
    *(
        _Line(f"distance_{group}", f"Distance from people, {group.replace('_', ' ')}")
        for group in GROUPS
    ),
)


def summary(content: Content, scores: Sequence[Sequence[ScoreLike]]) -> Section:
    """Motions and the person as columns; `scores` is parallel to `content.shown`."""
    by_name = [{score.name: score for score in some} for some in scores]
    lines = [line for line in _LINES if any(line.score in some for some in by_name)]
    person = content.reference
    heads = "".join(
        f'<th class="number"><span class="swatch" style="background:{figures.colour(i)}"></span>'
        f"{escape(one.label)}</th>"
        for i, one in content.numbered(content.shown)
    )
    heads += f'<th class="number">{escape(person.name if person else "people")}</th>'
    rows = "".join(_row(line, by_name, person) for line in lines)
    note = (
        f"✓ and ✗: within its limit or not. {AIMED}: the movement was made for it, so it is a fit. "
        "In italics: what was not measured in this person but published of others; sources in the "
        "table of scores. Distances: 1 is as far from the reference as other people are."
    )
    table = (
        f'<div class="table"><table class="summary"><thead><tr><th></th>{heads}<th>unit</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )
    return Section("summary", "Side by side", table + hint(note))


def _row(line: _Line, by_name: Sequence[Mapping[str, ScoreLike]], person: Reference | None) -> str:
    cells = ""
    for some in by_name:
        score = some.get(line.score)
        cells += f'<td class="number">{"–" if score is None else _cell(score)}</td>'
    unit = next(some[line.score].unit for some in by_name if line.score in some)
    people = f'<td class="number">{_of_people(line, person)}</td>'
    return (
        f'<tr><th scope="row">{escape(line.title)}</th>{cells}{people}'
        f"<td>{escape(unit_words(unit))}</td></tr>"
    )


def _cell(score: ScoreLike) -> str:
    mark = {True: '<span class="yes">✓</span>', False: '<span class="no">✗</span>', None: ""}
    return f'{marked(score)}<span class="mark">{mark[score.ok]}</span>'


def _of_people(line: _Line, person: Reference | None) -> str:
    """The person's own figure, else what is known of people, in italics."""
    if line.score.startswith("distance_"):
        return "<em>1</em>"
    own = _measured(line.score, person) if person is not None else None
    if own is not None:
        return number(own)
    published = PEOPLE[line.score].text if line.score in PEOPLE else ""
    known = published or (_others(line.score, person) if person is not None else "")
    return f"<em>{escape(known)}</em>" if known else "–"


def _measured(score: str, person: Reference) -> float | None:
    if score == "peak_vertical_grf" and "grf_vertical" in person.curves:
        return float(person.curve("grf_vertical").mean.max())
    return person.figure(score)


def _others(score: str, person: Reference) -> str:
    """How far other published adults are from this person."""
    people = between_people(person)
    if score == "joint_angle_rmse":
        names = {name for curve in people.values() for name in curve}
        of_each = [
            pooled_rmse({c: found[name] for c, found in people.items() if name in found}, JOINTS)
            for name in names
        ]
        found = sorted(one for one in of_each if one is not None)
    else:
        found = sorted(one.rmse for one in people.get(score.removesuffix("_rmse"), {}).values())
    if not found:
        return ""
    low, high = number(found[0]), number(found[-1])
    return f"others {low}" if low == high else f"others {low} to {high}"
