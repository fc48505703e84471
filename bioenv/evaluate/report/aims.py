"""What each movement was made for, in plain words, so that nobody takes a fit for a prediction."""

from __future__ import annotations

from html import escape

from bioenv.evaluate.aims import Aim, described
from bioenv.evaluate.periodic import periods
from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section, hint

_MAKERS = {
    "policy": "A policy, trained by reinforcement learning; it acts on what the body feels.",
    "optimal control": "Optimal control: a movement found by itself, without feedback.",
    "nobody": "The file does not say how it came about.",
}


def aims(content: Content) -> Section:
    """One card per motion: who made it, what was rewarded, minimized, tracked or imposed."""
    intro = hint(
        "A figure that a movement was made for is a fit; every other one is a prediction. The "
        "tables mark the former with •."
    )
    cards = "".join(_card(index, one) for index, one in content.numbered(content.shown))
    return Section(
        "aims", "What each movement was made for", intro + f'<div class="cards">{cards}</div>'
    )


def _card(index: int, one: Shown) -> str:
    rows = described(one.aim)
    facts = "".join(
        f"<dt>{escape(name.capitalize())}</dt><dd>{escape(text)}</dd>"
        for name, text in rows.items()
    )
    return (
        f'<article style="border-top-color:{figures.colour(index)}"><h3>{escape(one.label)}</h3>'
        f"<p>{escape(_maker(one.aim, one))}</p>{f'<dl>{facts}</dl>' if facts else ''}</article>"
    )


def _maker(aim: Aim, one: Shown) -> str:
    text = _MAKERS[aim.maker]
    number = periods(one.motion)
    if number:
        text += (
            f" One period of {one.motion.meta['period_s']:.2f} s, shown {number} times in a row: "
            "its strides are copies."
        )
    return text
