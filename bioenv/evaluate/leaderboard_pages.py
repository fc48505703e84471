"""A leaderboard as rows of text, as a Markdown table and as one HTML page."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np

from bioenv.errors import BioenvError
from bioenv.evaluate.leaderboard import Entry, Leaderboard
from bioenv.evaluate.likeness import GROUPS
from bioenv.evaluate.report.page import Section, hint, page
from bioenv.motion_io import write_atomically

MARK = "<!-- made by bioenv -->"
"""First line of a Markdown leaderboard."""

_NOTE = (
    "Distances are in units of another person's: 1 is as far from the reference as other people "
    "are. Held out: what the walker was not made for; the order goes by it. Common: what none of "
    "the walkers was made for, the same quantities for all. Aimed at: its fit. Groups are those of "
    "the held-out quantities; a dot where nothing is held out. Walkers that fall come after those "
    "that walk, impossible motions last."
)
_SHORT = {
    "kinematics": "angles", "kinetics": "moments", "ground_force": "ground", "muscles": "EMG",
    "loads": "loads", "energy": "energy", "timing": "timing", "out_of_plane": "3-D",
}  # fmt: skip


def rows(board: Leaderboard) -> list[list[str]]:
    """Header and one row per entry."""
    columns = _columns(board)
    body = [
        [str(place), *(show(entry) for _, show in columns)]
        for place, entry in enumerate(board.entries, 1)
    ]
    return [["#", *(title for title, _ in columns)], *body]


def save(board: Leaderboard, path: str | Path) -> Path:
    """Write the board by the suffix of its file: .html or .md. Raises BioenvError for another."""
    path = Path(path)
    writers = {".html": _html, ".md": _markdown}
    if path.suffix not in writers:
        raise BioenvError(f"--out must end in {' or '.join(writers)}, got {str(path)!r}")
    return write_atomically(path, writers[path.suffix](board).encode())


def _columns(board: Leaderboard) -> list[tuple[str, Callable[[Entry], str]]]:
    groups = [g for g in GROUPS if any(g in one.held_out_groups for one in board.entries)]
    return [
        ("walker", lambda e: e.name),
        ("verdict", lambda e: e.verdict),
        ("held out", lambda e: _number(e.held_out)),
        ("common", lambda e: _number(e.common)),
        ("aimed at", lambda e: _number(e.aimed_at)),
        *((_SHORT[g], _group(g)) for g in groups),
        ("quantities", lambda e: f"{e.quantities[0]} of {e.quantities[1]}"),
        ("falls %", lambda e: f"{100 * e.fall_rate:.0f}"),
        ("upright %", lambda e: f"{100 * e.survived:.0f}"),
        ("speed error %", lambda e: _number(100 * e.speed_error)),
        ("J/kg/m", _figure("cost_of_transport")),
        ("knee BW", _figure("knee_contact_peak")),
        ("hip BW", _figure("hip_contact_peak")),
        ("root force %", _figure("root_force_rms_percent")),
        ("noise", _figure("physics_consistency")),
    ]


_WORDS = (1, 2)  # columns of `rows` that are read from the left: walker and verdict


def _group(name: str) -> Callable[[Entry], str]:
    return lambda entry: _number(entry.held_out_groups.get(name, float("nan")))


def _figure(name: str) -> Callable[[Entry], str]:
    return lambda entry: _number(entry.figures.get(name, float("nan")))


def _number(value: float) -> str:
    """Two decimals below ten, one above; a dot for what is not there."""
    if not np.isfinite(value):
        return "·"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _markdown(board: Leaderboard) -> str:
    head, *body = rows(board)
    lines = [MARK, f"# Leaderboard against {board.reference.name}", "", board.reference.people, ""]
    lines += [f"| {' | '.join(one)} |" for one in (head, ["---"] * len(head), *body)]
    lines += ["", _NOTE, "", f"Common: {', '.join(board.common) or 'nothing'}.", ""]
    lines += [f"- {one.name}: {note}" for one in board.entries for note in one.notes]
    return "\n".join(lines).rstrip() + "\n"


def _html(board: Leaderboard) -> str:
    head, *body = rows(board)
    cells = "".join(f"<th>{escape(title)}</th>" for title in head)
    kinds = ['class="number"' if i not in _WORDS else 'class="words"' for i in range(len(head))]
    lines = "".join(
        "<tr>" + "".join(f"<td {k}>{escape(c)}</td>" for k, c in zip(kinds, one, strict=True))
        + "</tr>" for one in body
    )  # fmt: skip
    table = (
        f'<div class="table"><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>'
        f"</div>{hint(_NOTE)}"
    )
    notes = "".join(
        f"<li>{escape(one.name)}: {escape(note)}</li>"
        for one in board.entries for note in one.notes
    )  # fmt: skip
    sections = [Section("board", "The ranking", table)]
    if notes:
        sections.append(Section("notes", "Notes", f"<ul>{notes}</ul>"))
    first = board.entries[0]
    return page(
        f"Leaderboard against {board.reference.name}",
        {
            "Compared with": board.reference.people,
            "Common quantities": ", ".join(board.common) or "none",
        },
        [(f"First: {first.name} ({first.verdict}).", "")],
        sections, [], "Made by bioenv.",
    )  # fmt: skip
