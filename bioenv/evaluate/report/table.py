"""The table of scores: first what no movement was made for, since only that is a prediction."""

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


_WORDS = {"grf": "GRF", "emg": "EMG", "rmse": "RMSE", "rms": "RMS", "1sd": "1 SD", "2sd": "2 SD"}
AIMED = "•"
"""Mark of a figure that the movement was made for: rewarded, minimized or imposed."""

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
    """Rows in groups: what no movement was made for, what some were made for, what all were."""
    groups: dict[str, list[str]] = {
        "Not aimed at: a prediction": [],
        f"Aimed at by those with {AIMED}: their fit, the others' prediction": [],
        "Aimed at (rewarded, minimized or imposed): a fit, no validation": [],
    }
    for name, cells in some.items():
        aimed = [score.rewarded for score in cells.values()]
        group = list(groups)[2 if all(aimed) else 1 if any(aimed) else 0]
        groups[group].append(_row(name, cells, len(labels)))
    rows = [
        f'<tr class="group"><th colspan="{2 * len(labels) + 4}">{title}</th></tr>{"".join(own)}'
        for title, own in groups.items()
        if own
    ]
    head = "".join(f'<th class="number">{escape(label)}</th><th>ok</th>' for label in labels)
    return (
        '<div class="table"><table><thead><tr><th>score</th>'
        f"{head}<th>unit</th><th>reference</th><th>source</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _count(lists: Sequence[Sequence[ScoreLike]]) -> str:
    judged = [s.ok for some in lists for s in some if s.ok is not None]
    return f"{sum(judged)} of {len(judged)} checks hold."


def _row(name: str, cells: Mapping[int, ScoreLike], columns: int) -> str:
    one = next(iter(cells.values()))
    values = "".join(
        f'<td class="number">{marked(cells[i])}</td><td>{_MARKS[cells[i].ok]}</td>'
        if i in cells
        else '<td class="number">–</td><td>–</td>'
        for i in range(columns)
    )
    references, sources = (
        "; ".join(dict.fromkeys(text for text in texts if text))
        for texts in ([c.reference for c in cells.values()], [c.source for c in cells.values()])
    )
    return (
        f'<tr><th scope="row">{escape(words(name))}</th>{values}'
        f"<td>{escape(unit_words(one.unit))}</td><td>{escape(signs(references) or '–')}</td>"
        f'<td class="source">{escape(signs(sources))}</td></tr>'
    )


def marked(score: ScoreLike) -> str:
    """A score's value with the mark of what the movement was made for."""
    mark = f'<span class="aimed" title="aimed at">{AIMED}</span>' if score.rewarded else ""
    return f"{mark}{number(score.value)}"


def words(name: str) -> str:
    """A score's name for reading."""
    return " ".join(_WORDS.get(word, word) for word in name.split("_"))


def signs(text: str) -> str:
    """Text with the signs that a keyboard lacks."""
    return text.replace("<=", "≤").replace(">=", "≥").replace("+-", "±")


def unit_words(unit: str) -> str:
    """A unit for reading; nothing for a pure number."""
    return {"1": "", "deg": "°"}.get(unit, unit.replace("*", "·").replace("^2", "²"))


def number(value: float) -> str:
    """Three significant digits; an exponent only for what is nearly zero."""
    if value != value:
        return "not a number"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".") if abs(value) > 1e-3 else f"{value:.0e}"
