"""The report: one self-contained HTML file about one or several motions.

    write("report.html", [motion], [scores], reference)

Nothing is fetched when it is opened: figures are inline SVG, the film is drawn by a few lines of
JavaScript from positions in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section
from bioenv.evaluate.report.table import ScoreLike
from bioenv.lab.reference import Reference
from bioenv.motion import Motion
from bioenv.motion_io import write_atomically


def write(
    path: str | Path,
    motions: Sequence[Motion],
    scores: Sequence[Sequence[ScoreLike]],
    reference: Reference | None = None,
) -> Path:
    """Write the report and return its path; `scores` holds one list per motion.

    A motion is called by `meta["label"]`, else by its task. Sections whose channels are missing
    say so.
    """
    return write_atomically(Path(path), render(motions, scores, reference).encode())


def render(
    motions: Sequence[Motion],
    scores: Sequence[Sequence[ScoreLike]],
    reference: Reference | None = None,
) -> str:
    """The report as HTML text; see `write`."""
    from bioenv.evaluate.report import curves, film, page, table, timeline
    from bioenv.evaluate.report.verdict import verdict

    content = Content([Shown.of(m, i + 1) for i, m in enumerate(motions)], reference)
    filmed = [one for one in content.shown if one.model is not None]
    sections = [_film_section(filmed), table.scores([s.label for s in content.shown], scores)]
    if content.walking:
        sections += [
            curves.joints(content),
            curves.moments(content),
            curves.ground(content),
            curves.muscles(content),
            curves.loads(content),
            curves.energy(content),
        ]
    sections += timeline.movement(content)
    sections.append(timeline.physics(content))
    if reference is not None:
        sections.append(_reference_section(reference))
    return page.page(
        _title(content),
        _facts(content),
        [verdict(one, some, reference) for one, some in zip(content.shown, scores, strict=True)],
        sections,
        [film.film(s.model, s.motion, *s.film_span()) for s in filmed if s.model is not None],
        "Made by bioenv. SI units; x forward, y left, z up. Angles in degrees for reading.",
    )


def _title(content: Content) -> str:
    names = " and ".join(dict.fromkeys(one.label for one in content.shown))
    return names if content.reference is None else f"{names} against {content.reference.name}"


def _facts(content: Content) -> Mapping[str, str]:
    first = content.shown[0].motion
    mass = first.meta.get("mass_kg")
    seeds = [str(one.motion.meta["seed"]) for one in content.shown if "seed" in one.motion.meta]
    durations = ", ".join(f"{one.motion.duration:.1f} s" for one in content.shown)
    strides = ", ".join(str(one.gait.count) for one in content.shown)
    commands = [str(one.motion.meta.get("command", "")) for one in content.shown]
    return {
        "Task": ", ".join(dict.fromkeys(str(s.motion.meta.get("task", "")) for s in content.shown)),
        "Body": f"{first.model or 'unknown'}{f', {mass:.1f} kg' if mass else ''}",
        "Seed": ", ".join(seeds),
        "Duration": durations,
        "Whole strides (both feet)": strides if content.walking else "",
        "Compared with": content.reference.people if content.reference is not None else "",
        "Command": "; ".join(c for c in dict.fromkeys(commands) if c),
    }


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
