"""The table of scores: not rewarded first, since only that is a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Protocol

from bioenv.evaluate.report.page import Section, absent, hint


class ScoreLike(Protocol):
    """What a score tells; see `bioenv.evaluate.Score`."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def unit(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def ok(self) -> bool | None: ...
    @property
    def source(self) -> str: ...
    @property
    def rewarded(self) -> bool: ...


_WORDS = {"grf": "GRF", "emg": "EMG", "rmse": "RMSE", "1sd": "1 SD", "2sd": "2 SD"}
_MARKS = {
    True: '<span class="yes">✓ yes</span>',
    False: '<span class="no">✗ no</span>',
    None: "–",
}


def scores(labels: Sequence[str], lists: Sequence[Sequence[ScoreLike]]) -> Section:
    """One value column per motion; `lists` is parallel to `labels`."""
    by_name: dict[str, dict[int, ScoreLike]] = {}
    for column, some in enumerate(lists):
        for score in some:
            by_name.setdefault(score.name, {})[column] = score
    if not by_name:
        return Section("scores", "Scores", absent("Left out: there is nothing to compare with."))
    judged = {n: c for n, c in by_name.items() if any(s.ok is not None for s in c.values())}
    others = {n: c for n, c in by_name.items() if n not in judged}
    html = hint(_count(lists)) + (_table(labels, judged) if judged else "")
    if others:
        html += (
            f"<details><summary>{len(others)} figures without a limit</summary>"
            f"{_table(labels, others)}</details>"
        )
    return Section("scores", "Scores", html)


def _table(labels: Sequence[str], some: Mapping[str, Mapping[int, ScoreLike]]) -> str:
    """Rows in two groups: what was not rewarded in training, then what was."""
    rows = []
    for rewarded, title in (
        (False, "Not rewarded in training: a prediction"),
        (True, "Rewarded in training: a fit, no validation"),
    ):
        own = {n: c for n, c in some.items() if any(s.rewarded for s in c.values()) == rewarded}
        if own:
            width = 2 * len(labels) + 5
            rows.append(f'<tr class="group"><th colspan="{width}">{title}</th></tr>')
            rows += [_row(name, cells, len(labels)) for name, cells in own.items()]
    head = "".join(f'<th class="number">{escape(label)}</th><th>ok</th>' for label in labels)
    return (
        '<div class="table"><table><thead><tr><th>score</th>'
        f"{head}<th>unit</th><th>reference</th><th>rewarded</th><th>source</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _count(lists: Sequence[Sequence[ScoreLike]]) -> str:
    judged = [s.ok for some in lists for s in some if s.ok is not None]
    return f"{sum(judged)} of {len(judged)} checks hold."


def _row(name: str, cells: Mapping[int, ScoreLike], columns: int) -> str:
    one = next(iter(cells.values()))
    values = "".join(
        f'<td class="number">{number(cells[i].value)}</td><td>{_MARKS[cells[i].ok]}</td>'
        if i in cells
        else '<td class="number">–</td><td>–</td>'
        for i in range(columns)
    )
    return (
        f'<tr><th scope="row">{escape(words(name))}</th>{values}'
        f"<td>{escape(_unit(one.unit))}</td><td>{escape(_signs(one.reference) or '–')}</td>"
        f"<td>{'yes' if one.rewarded else 'no'}</td>"
        f'<td class="source">{escape(_signs(one.source))}</td></tr>'
    )


def words(name: str) -> str:
    """A score's name for reading."""
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def _signs(text: str) -> str:
    return text.replace("<=", "≤").replace(">=", "≥").replace("+-", "±")


def _unit(unit: str) -> str:
    return {"1": "", "deg": "°"}.get(unit, unit.replace("*", "·"))


def number(value: float) -> str:
    """Three significant digits; an exponent only for what is nearly zero."""
    if value != value:
        return "not a number"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) > 1e-3 else f"{value:.0e}"
