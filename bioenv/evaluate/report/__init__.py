"""The report: one self-contained HTML file about the motions of an evaluation.

Nothing is fetched when it is opened: figures are inline SVG, the film is drawn by a few lines of
JavaScript from positions in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section
from bioenv.lab.reference import Reference
from bioenv.motion_io import write_atomically

if TYPE_CHECKING:
    from bioenv.evaluate.scores import Evaluation, Score
    from bioenv.models import Model
    from bioenv.motion import Motion


def write(evaluation: Evaluation, path: str | Path) -> Path:
    """Write the report, whole or not at all, and return its path."""
    return write_atomically(Path(path), render(evaluation).encode())


def render(evaluation: Evaluation) -> str:
    """The report as HTML text. Sections whose channels are missing say so."""
    from bioenv.evaluate.report import film, page
    from bioenv.evaluate.report.facts import facts

    content = _content(evaluation)
    scores = [[s for s in evaluation.scores if s.motion == n] for n in evaluation.names]
    filmed = [one for one in content.shown if one.model is not None]
    return page.page(
        _title(content),
        facts(content),
        _verdicts(evaluation, content, scores),
        [_film_section(filmed), *_sections(evaluation, content, scores)],
        [film.film(s.model, s.motion, *s.film_span()) for s in filmed if s.model is not None],
        "Made by bioenv. Angles in degrees for reading; everything else in SI units.",
    )


def _sections(
    evaluation: Evaluation, content: Content, scores: Sequence[Sequence[Score]]
) -> Iterator[Section]:
    """What is below the film: figures at a glance, then the judgement, then the curves."""
    from bioenv.evaluate.report import curves, table, timeline
    from bioenv.evaluate.report.aims import aims
    from bioenv.evaluate.report.cost import shared_cost
    from bioenv.evaluate.report.estimates import estimates
    from bioenv.evaluate.report.summary import summary

    if content.walking:
        yield summary(content, scores)
    yield aims(content)
    cost = shared_cost(content, evaluation.costs, evaluation.weights)
    if cost is not None:
        yield cost
    yield table.scores(evaluation.names, scores)
    if content.walking:
        drawn = (curves.joints, curves.moments, curves.ground, curves.muscles, curves.energy)
        yield from (draw(content) for draw in (*drawn, curves.loads))
    yield from estimates(content)
    yield from timeline.movement(content)
    yield timeline.physics(content)
    yield from timeline.consistency(content)
    if content.reference is not None:
        yield _reference_section(content.reference)


def _verdicts(
    evaluation: Evaluation, content: Content, scores: Sequence[Sequence[Score]]
) -> list[tuple[str, str]]:
    """A few sentences on each motion and on their shared cost, with the colour of their bar."""
    from bioenv.evaluate.report import figures
    from bioenv.evaluate.report.cost import sentence
    from bioenv.evaluate.report.verdict import verdict

    several = len(content.shown) > 1
    said = [
        (verdict(one, some, content.reference), figures.colour(i) if several else "")
        for (i, one), some in zip(content.numbered(content.shown), scores, strict=True)
    ]
    together = sentence(content, evaluation.costs, evaluation.weights)
    return [*said, (together, figures.SOFT)] if together else said


def _content(evaluation: Evaluation) -> Content:
    """What is shown; a film needs the body's coordinates, a reference needs a gait."""
    nearest = evaluation.consistency or (None,) * len(evaluation.names)
    rows = zip(
        evaluation.names, evaluation.motions, evaluation.models, evaluation.gaits, nearest,
        strict=True,
    )  # fmt: skip
    shown = [
        Shown(name, motion, model if model and _fits(motion, model) else None, gait, found)
        for name, motion, model, gait, found in rows
    ]
    walking = any(one.walks for one in shown)
    return Content(shown, evaluation.reference if walking else None)


def _fits(motion: Motion, model: Model) -> bool:
    return "qpos" in motion and set(model.coordinates) <= set(motion.labels("qpos"))


def _title(content: Content) -> str:
    names = " and ".join(dict.fromkeys(one.label for one in content.shown))
    return names if content.reference is None else f"{names} against {content.reference.name}"


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
