"""What a check of lab data found: said in words, never silently repaired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed.

    kind: one short word ("row_count", "mixed_units", "feet", ...), the same for the same cause.
    where: the file, column, marker or plate. message: what was found and what to do about it.
    severity: "note" (read as meant), "warning" (results may suffer), "error" (results would be
    wrong: do not go on without a decision).
    """

    kind: str
    where: str
    message: str
    severity: Severity = "warning"

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.message}"


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The gravest severity among findings, None without any."""
    order: tuple[Severity, ...] = ("note", "warning", "error")
    ranks = [order.index(found.severity) for found in findings]
    return order[max(ranks)] if ranks else None


def words(findings: Iterable[Finding]) -> list[str]:
    """One line per finding for people: files without their folders, a mere note without the word.

    >>> words([Finding("gap", "/data/walk.mot line 3", "no value", "note")])
    ['walk.mot line 3: no value']
    """
    lines = []
    for one in findings:
        where = one.where.replace("\\", "/").rsplit("/", 1)[-1]
        grave = "" if one.severity == "note" else f"{one.severity}: "
        lines.append(f"{grave}{where}: {one.message}")
    return lines
