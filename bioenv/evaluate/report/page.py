"""The page around the sections: header, verdict, contents, and everything inlined in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """One part of the report: `key` is its anchor, `html` its content below the heading."""

    key: str
    title: str
    html: str


def absent(why: str) -> str:
    """The line that stands where a figure would be, when its data is not there."""
    return f'<p class="absent">{escape(why)}</p>'


def hint(text: str) -> str:
    """A short explanation below a heading."""
    return f'<p class="hint">{escape(text)}</p>'


def legend(entries: Sequence[tuple[str, str, bool]]) -> str:
    """A legend in HTML from (label, colour, is a band)."""
    items = (
        f'<li><span class="swatch{" band" if band else ""}" style="background:{colour}"></span>'
        f"{escape(label)}</li>"
        for label, colour, band in entries
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def page(
    title: str,
    facts: Mapping[str, str],
    verdicts: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    films: Sequence[Mapping[str, Any]],
    footer: str,
) -> str:
    """The whole report as one self-contained HTML text; all arguments but `html` are plain text.

    `verdicts`: text and colour of the bar beside it, "" for the page's own.
    """
    contents = "".join(f'<a href="#{s.key}">{escape(s.title)}</a>' for s in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="bioenv">
<title>{escape(title)}</title>
<style>{(_HERE / "style.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<header>
<p class="kicker">bioenv report</p>
<h1>{escape(title)}</h1>
{"".join(_verdict(text, colour) for text, colour in verdicts)}
<dl class="facts">{_facts(facts)}</dl>
<nav aria-label="Contents">{contents}</nav>
</header>
{"".join(map(_section, sections))}
<footer>{escape(footer)}</footer>
</main>
{_script(films)}
</body>
</html>
"""


def _section(one: Section) -> str:
    return (
        f'<section id="{one.key}" aria-labelledby="{one.key}-title">'
        f'<h2 id="{one.key}-title">{escape(one.title)}</h2>{one.html}</section>'
    )


def _verdict(text: str, colour: str) -> str:
    style = f' style="border-left-color:{colour}"' if colour else ""
    return f'<p class="verdict"{style}>{escape(text)}</p>'


def _facts(facts: Mapping[str, str]) -> str:
    def one(name: str, value: str) -> str:
        long = len(value) > 60
        text = (
            f"<code>{escape(value)}</code>" if name in ("Command", "Trained by") else escape(value)
        )
        return f"<div{' class=wide' if long else ''}><dt>{escape(name)}</dt><dd>{text}</dd></div>"

    return "".join(one(name, value) for name, value in facts.items() if value)


def player(labels: Sequence[str]) -> str:
    """The screens of the films, side by side, and their common controls."""
    screens = "".join(
        f'<figure><canvas class="film" role="img" aria-label="Film of {escape(label)}"></canvas>'
        f"<figcaption>{escape(label)}</figcaption></figure>"
        for label in labels
    )
    speeds = "".join(
        f'<label><input type="radio" name="film-speed" value="{value}"{checked}> {text}</label>'
        for value, text, checked in ((1, "1×", " checked"), (0.5, "½×", ""), (0.25, "¼×", ""))
    )
    return (
        f'<div class="screens">{screens}</div><div class="controls">'
        '<button type="button" id="film-play" aria-pressed="false">Play</button>'
        '<input type="range" id="film-scrub" min="0" max="1000" value="0" aria-label="Time">'
        '<output id="film-clock">0.00 s</output>'
        f'<fieldset aria-label="Speed">{speeds}</fieldset></div>'
        '<p class="hint">Muscles: at rest<span class="ramp"></span>fully active. Arrows: ground '
        "reaction force. The right side is in front.</p>"
    )


def _script(films: Sequence[Mapping[str, Any]]) -> str:
    if not films:
        return ""
    # "<" inside JSON would end the script element early.
    data = json.dumps(list(films), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    script = (_HERE / "film.js").read_text(encoding="utf-8")
    return f'<script type="application/json" id="films">{data}</script>\n<script>{script}</script>'
