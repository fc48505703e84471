"""Published changes of walking under interventions, and whether a prediction agrees with them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, TypeVar

from bioenv.agents.whatif import settings_of
from bioenv.errors import BioenvError
from bioenv.paths import asset

TABLE = "interventions.toml"
Agreement = Literal["yes", "no", "unclear"]
_Row = TypeVar("_Row", "Finding", "Order")


@dataclass(frozen=True)
class Finding:
    """What an intervention was found to do to one figure; see assets/reference/interventions.toml.

    size, sd: of the change in `unit`, None where the source gives none. leg: of that leg alone;
    with `versus` its excess over the other leg, in percent. checked: "abstract" or "memory".
    """

    id: str
    changes: tuple[str, ...]
    figure: str
    direction: int
    source: str
    checked: str
    doi: str = ""
    size: float | None = None
    sd: float | None = None
    unit: str = "%"
    leg: str = ""
    versus: bool = False
    proxy: bool = False
    note: str = ""

    @property
    def said(self) -> str:
        """Direction, and size where it is known: "-7.2 +- 2.6 %"."""
        if self.size is None:
            return "more" if self.direction > 0 else "less"
        spread = "" if self.sd is None else f" ± {self.sd:g}"
        return f"{self.size:+g}{spread} {self.unit}"


@dataclass(frozen=True)
class Order:
    """Which of several interventions changes a figure most, the most first.

    per_kg: changes are compared for each kilogram that is added. groups: how many neighbours in the
    list stand for one place; their order among themselves was not found. () where each is one.
    """

    id: str
    figure: str
    changes: tuple[str, ...]
    source: str
    checked: str
    doi: str = ""
    per_kg: bool = False
    groups: tuple[int, ...] = ()
    note: str = ""


@lru_cache(maxsize=1)
def findings() -> tuple[tuple[Finding, ...], tuple[Order, ...]]:
    """All findings, and all orders. Raises BioenvError when the table is broken."""
    path = asset("reference", TABLE)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BioenvError(f"cannot read {path}: {error}") from error
    found = tuple(_row(Finding, one) for one in table["finding"])
    return found, tuple(_row(Order, one) for one in table["order"])


def of(changes: Sequence[str]) -> tuple[Finding, ...]:
    """The findings of an intervention of the same kinds in the same sense; sizes where alike."""
    wanted = _levels(changes)
    found = []
    for one in findings()[0]:
        known = _levels(one.changes)
        if known.keys() != wanted.keys():
            continue
        if all((known[k] > _plain(k)) == (wanted[k] > _plain(k)) for k in known):
            found.append(one if known == wanted else _without_size(one))
    return tuple(found)


def agrees(direction: int, change: float, low: float, high: float, least: float) -> Agreement:
    """Whether a predicted change has the published direction.

    "unclear" when it depends on the start (`low` and `high` of the change over all starts lie on
    both sides of zero) or is smaller than `least`.
    """
    if abs(change) < least or low < 0.0 < high:
        return "unclear"
    return "yes" if (change > 0.0) == (direction > 0) else "no"


def in_order(order: Order, values: Sequence[float]) -> bool:
    """Whether values, one for each change, fall from one group to the next."""
    groups, start, parts = order.groups or (1,) * len(values), 0, []
    for count in groups:
        parts.append(values[start : start + count])
        start += count
    return all(min(a) > max(b) for a, b in pairwise(parts))


def _levels(changes: Sequence[str]) -> dict[str, float]:
    pairs = (one.partition("=") for one in settings_of(changes))
    return {key: float(value) for key, _, value in pairs}


def _plain(key: str) -> float:
    return 1.0 if key.partition(".")[0] in ("strength", "contracture") else 0.0


def _without_size(one: Finding) -> Finding:
    note = f"found at {' '.join(one.changes)}; {one.note}".rstrip("; ")
    return replace(one, size=None, sd=None, note=note)


def _row(kind: type[_Row], table: dict[str, Any]) -> _Row:
    known = {field.name for field in fields(kind)}
    unknown = set(table) - known
    if unknown:
        raise BioenvError(f"{TABLE}: {table.get('id')} has unknown keys {', '.join(unknown)}")
    listed: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
    return kind(**listed)
