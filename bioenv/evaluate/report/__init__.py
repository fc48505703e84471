"""The report: one self-contained HTML file about the motions of an evaluation.

Nothing is fetched when it is opened: figures are inline SVG, the film is drawn by a few lines of
JavaScript from positions in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section
from bioenv.lab.reference import Reference
from bioenv.motion_io import write_atomically

if TYPE_CHECKING:
    from bioenv.evaluate.scores import Evaluation
    from bioenv.models import Model
    from bioenv.motion import Motion


def write(evaluation: Evaluation, path: str | Path) -> Path:
    """Write the report, whole or not at all, and return its path."""
    return write_atomically(Path(path), render(evaluation).encode())


def render(evaluation: Evaluation) -> str:
    """The report as HTML text. Sections whose channels are missing say so."""
    from bioenv.evaluate.report import curves, film, page, table, timeline
    from bioenv.evaluate.report.verdict import verdict

    content = _content(evaluation)
    scores = [[s for s in evaluation.scores if s.motion == n] for n in evaluation.names]
    filmed = [one for one in content.shown if one.model is not None]
    sections = [_film_section(filmed), table.scores(evaluation.names, scores)]
    if content.walking:
        drawn = (curves.joints, curves.moments, curves.ground, curves.muscles, curves.loads)
        sections += [draw(content) for draw in (*drawn, curves.energy)]
    sections += timeline.movement(content)
    sections.append(timeline.physics(content))
    if content.reference is not None:
        sections.append(_reference_section(content.reference))
    return page.page(
        _title(content),
        _facts(content),
        [
            verdict(one, some, content.reference)
            for one, some in zip(content.shown, scores, strict=True)
        ],
        sections,
        [film.film(s.model, s.motion, *s.film_span()) for s in filmed if s.model is not None],
        "Made by bioenv. Angles in degrees for reading; everything else in SI units.",
    )


def _content(evaluation: Evaluation) -> Content:
    """What is shown; a film needs the body's coordinates, a reference needs a gait."""
    rows = zip(
        evaluation.names, evaluation.motions, evaluation.models, evaluation.gaits, strict=True
    )
    shown = [
        Shown(name, motion, model if model and _fits(motion, model) else None, gait)
        for name, motion, model, gait in rows
    ]
    walking = any(one.walks for one in shown)
    return Content(shown, evaluation.reference if walking else None)


def _fits(motion: Motion, model: Model) -> bool:
    return "qpos" in motion and set(model.coordinates) <= set(motion.labels("qpos"))


def _title(content: Content) -> str:
    names = " and ".join(dict.fromkeys(one.label for one in content.shown))
    return names if content.reference is None else f"{names} against {content.reference.name}"


def _facts(content: Content) -> Mapping[str, str]:
    first = content.shown[0].motion
    mass = first.meta.get("mass_kg")
    seeds = [str(one.motion.meta["seed"]) for one in content.shown if "seed" in one.motion.meta]
    durations = ", ".join(dict.fromkeys(f"{s.motion.duration:.1f} s" for s in content.shown))
    strides = ", ".join(dict.fromkeys(str(one.gait.count) for one in content.shown))
    commands = [str(one.motion.meta.get("command", "")) for one in content.shown]
    return {
        "Task": ", ".join(dict.fromkeys(str(s.motion.meta.get("task", "")) for s in content.shown)),
        "Body": f"{first.model or 'unknown'}{f', {mass:.1f} kg' if mass else ''}",
        "Seed": ", ".join(dict.fromkeys(seeds)),
        "Duration": durations,
        "Whole strides (both feet)": strides if content.walking else "",
        "Compared with": content.reference.people if content.reference is not None else "",
        "Trained by": "; ".join(dict.fromkeys(_training(one.motion) for one in content.shown)),
        "Command": "; ".join(c for c in dict.fromkeys(commands) if c),
    }


def _training(motion: Motion) -> str:
    """How the policy behind a motion was trained, as its card says."""
    card = motion.meta.get("policy")
    if not isinstance(card, dict) or "command" not in card:
        return ""
    minutes, steps = card.get("training_minutes"), card.get("env_steps")
    effort = [f"{minutes:.1f} min" if minutes else "", f"{steps:,} steps" if steps else ""]
    shown = ", ".join(part for part in effort if part)
    return f"{card['command']}{f' ({shown})' if shown else ''}"


def _film_section(filmed: Sequence[Shown]) -> Section:
    from bioenv.evaluate.report.page import absent, player

    if not filmed:
        why = "Left out: the motion's model is not known here, or it has no coordinates."
        return Section("film", "Film", absent(why))
    return Section("film", "Film", player([one.label for one in filmed]))


def _reference_section(reference: Reference) -> Section:
    rows = {
        "People": reference.people,
        "Source": reference.source,
        "Licence": reference.licence,
        "Body mass": f"{reference.mass_kg:g} kg" if reference.mass_kg else "",
        "Notes": "; ".join(reference.notes),
    }
    body = "".join(
        f'<div class="wide"><dt>{name}</dt><dd>{escape(text)}</dd></div>'
        for name, text in rows.items()
        if text
    )
    return Section("reference", "The reference", f'<dl class="facts">{body}</dl>')
