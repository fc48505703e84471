"""Tables of a what-if study as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bioenv.evaluate.aligned import table
from bioenv.evaluate.whatif import SHOWN, Change, Verdict


def changes_table(changes: Mapping[str, Change]) -> str:
    """Each figure before and after, its change, and the change's range over the starts."""
    names = [name for name in SHOWN if name in changes]
    names += [name for name in changes if name.startswith("activation_") and name not in names]
    rows = [["figure", "unit", "baseline", "changed", "change", "over the starts"]]
    for name in names:
        one = changes[name]
        if one.before == one.after == 0.0:
            continue
        change = f"{_number(one.change, True)} {one.unit}"
        values = [_number(one.before), _number(one.after), change]
        rows.append([name, one.of, *values, _range(one.low, one.high)])
    alone = all(changes[name].low == changes[name].high for name in names)
    return table([row[:5] for row in rows] if alone else rows, (2, 3, 4, 5))


def verdicts_table(verdicts: Sequence[Verdict]) -> str:
    """Each published finding, what was predicted, and whether they agree."""
    rows = [["published", "figure", "found", "predicted", "over the starts", "agrees", "of size"]]
    for one in verdicts:
        f = one.finding
        leg = f" ({f.leg}{' over the other' if f.versus else ''})" if f.leg else ""
        rows.append([
            f.id + ("*" if f.proxy else ""), f.figure + leg, f.said,
            f"{_number(one.change, True)} {one.unit}", _range(one.low, one.high), one.agrees,
            "-" if one.share is None else f"{one.share:.2f}",
        ])  # fmt: skip
    lines = [table(rows, (3, 4, 6))]
    if any(one.finding.proxy for one in verdicts):
        lines.append("* another intervention with the same aim: direction only")
    for source in dict.fromkeys(f"{v.finding.id}: {v.finding.source}" for v in verdicts):
        lines.append(source)
    return "\n".join(lines)


def _number(value: float, sign: bool = False) -> str:
    value = 0.0 if abs(value) < 5e-4 else value
    digits = 1 if abs(value) >= 10 else 3 if abs(value) < 1 else 2
    return f"{value:{'+' if sign else ''}.{digits}f}"


def _range(low: float, high: float) -> str:
    return f"{_number(low, True)} to {_number(high, True)}"
