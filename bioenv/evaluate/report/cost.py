"""The shared cost: every motion measured by the goals and weights of the optimized one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from bioenv.evaluate import bands
from bioenv.evaluate.aims import words
from bioenv.evaluate.cost import GOALS, left_out, total
from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content
from bioenv.evaluate.report.page import Section, hint, legend
from bioenv.evaluate.report.table import AIMED, number, signs, unit_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = Mapping[str, float]


def sentence(content: Content, costs: Sequence[Values], weights: Values) -> str:
    """The sums side by side, for the header; "" unless two motions have one."""
    sums = {
        one.label: total(values, weights) for one, values in zip(content.shown, costs, strict=True)
    }
    known = [f"{label} {number(value)}" for label, value in sums.items() if value is not None]
    if len(known) < 2:
        return ""
    own = next(one for one in content.shown if one.aim.minimized == dict(weights))
    return f"Shared cost, with the goals and weights of {own.label}: {', '.join(known)}."


def shared_cost(content: Content, costs: Sequence[Values], weights: Values) -> Section | None:
    """Goals as rows, motions as columns, unweighted and weighted; None without any goal.

    `costs` is parallel to `content.shown`.
    """
    names = [name for name in (*weights, *(g for g in GOALS if g not in weights)) if name in GOALS]
    names = [name for name in names if any(name in one for one in costs)]
    if not names:
        return None
    html = hint(_intro(content, weights)) + _table(content, costs, weights, names)
    if any(name in weights for name in names):
        html += _bars(content, costs, weights)
    return Section("cost", "Shared cost" if weights else "Cost", html)


def _intro(content: Content, weights: Values) -> str:
    over = "whole strides" if content.walking else "time"
    text = (
        f"Means over {over} of what reward terms and optimal control know by the same names; less "
        "is better. "
    )
    if content.reference is not None:
        text += "A measured person has no column: nobody measures what these need. "
    if not weights:
        return text + "No motion was optimized: there are no weights, and no sum."
    own = next(one for one in content.shown if one.aim.minimized == dict(weights))
    text += f"The weights are those that {own.label} was optimized for"
    text += "; they apply to all. " if len(content.shown) > 1 else ". "
    text += f"{AIMED} marks what a movement was made for; the other terms came as they came."
    without = left_out(weights)
    if without:
        text += f" The sum leaves out {', '.join(map(words, without))}, which no motion tells."
    return text


def _table(content: Content, costs: Sequence[Values], weights: Values, names: Sequence[str]) -> str:
    span = 2 if weights else 1
    motions = "".join(
        f'<th class="number" colspan="{span}"><span class="swatch" '
        f'style="background:{figures.colour(i)}"></span>{escape(one.label)}</th>'
        for i, one in content.numbered(content.shown)
    )
    second = '<th class="number">value</th><th class="number">weighted</th>' * len(costs)
    head = (
        f'<tr><th>goal</th><th></th>{"<th></th>" if weights else ""}{motions}</tr>'
        + (f'<tr><th></th><th>unit</th><th class="number">weight</th>{second}</tr>'
           if weights else "")
    )  # fmt: skip
    rows = {name: _row(content, costs, weights, name) for name in names}
    counted = "".join(row for name, row in rows.items() if name in weights)
    others = "".join(row for name, row in rows.items() if name not in weights)
    if weights and others:
        title = f'<tr class="group"><th colspan="{3 + span * len(costs)}">Not in the sum</th></tr>'
        others = title + others
    return (
        f'<div class="table"><table class="cost"><thead>{head}</thead><tbody>{counted}'
        f"{_sum(costs, weights)}{others}</tbody></table></div>"
    )


def _row(content: Content, costs: Sequence[Values], weights: Values, name: str) -> str:
    goal, weight = GOALS[name], weights.get(name)
    cells = ""
    for one, values in zip(content.shown, costs, strict=True):
        value = values.get(name)
        aimed = bands.rewarded(f"cost_{name}", one.aim.quantities)
        mark = f'<span class="aimed">{AIMED}</span>' if aimed else ""
        cells += f'<td class="number">{mark}{"–" if value is None else number(value)}</td>'
        if weights:
            share = None if weight is None or value is None else weight * value
            cells += f'<td class="number strong">{_share(share)}</td>'
    middle = f'<td class="number">{weight:g}</td>' if weight is not None else "<td></td>"
    return (
        f'<tr><th scope="row">{escape(words(name))}<small>{escape(goal.doc)}</small></th>'
        f"<td>{escape(unit_words(signs(goal.unit)))}</td>{middle if weights else ''}{cells}</tr>"
    )


def _sum(costs: Sequence[Values], weights: Values) -> str:
    if not weights:
        return ""
    cells = "".join(
        f'<td></td><td class="number strong">{_share(total(values, weights))}</td>'
        for values in costs
    )
    return f'<tr class="sum"><th scope="row">sum</th><td></td><td></td>{cells}</tr>'


def _share(value: float | None) -> str:
    """A share of the sum: all with the same decimals, as what is added up should have."""
    return "–" if value is None else f"{value:.4f}"


def _bars(content: Content, costs: Sequence[Values], weights: Values) -> str:
    """The weighted shares as bars, one colour per motion."""
    names = [name for name in weights if name in GOALS]
    height = 0.8 / len(costs)

    def fill(panels: list[Axes]) -> None:
        (panel,) = panels
        for row, (index, _) in enumerate(content.numbered(content.shown)):
            shares = [weights[name] * costs[row].get(name, 0.0) for name in names]
            at = np.arange(len(names)) + (row - (len(costs) - 1) / 2) * height
            panel.barh(at, shares, height=0.9 * height, color=figures.colour(index))
        panel.set_yticks(range(len(names)), [words(name) for name in names])
        panel.invert_yaxis()
        panel.grid(axis="y", visible=False)
        panel.set_title("Weighted share of each goal")

    size = (10.0, 0.9 + 0.28 * len(names) * max(len(costs), 1.6))
    figure = figures.draw(
        "cost", "Weighted share of each goal in the shared cost", "", (1, 1), size, fill, left=1.5
    )
    entries = [(one.label, figures.colour(i), False) for i, one in content.numbered(content.shown)]
    return figure + legend(entries)
