"""The facts in the header of a report: who moved, for how long, made how, compared with whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bioenv.evaluate.periodic import periods
from bioenv.evaluate.report.content import Content, Shown
from bioenv.motion import Motion


def facts(content: Content) -> Mapping[str, str]:
    """Name -> text; an empty text is no fact. Where motions differ, each is named."""
    return {
        "Task": _each(content, lambda s: str(s.motion.meta.get("task", ""))),
        "Body": _each(content, _body),
        "Seed": _each(content, lambda s: str(s.motion.meta.get("seed", ""))),
        "Duration": _each(content, _duration),
        "Whole strides (both feet)": _each(content, _strides) if content.walking else "",
        "Compared with": content.reference.people if content.reference is not None else "",
        "Trained by": _each(content, lambda s: _training(s.motion)),
        "Command": _each(content, lambda s: str(s.motion.meta.get("command", ""))),
    }


def _each(content: Content, fact: Callable[[Shown], str]) -> str:
    """One text when all motions have the same one, else "label: text" of those that have one."""
    texts = [fact(one) for one in content.shown]
    if len(set(texts)) == 1:
        return texts[0]
    named = zip(content.shown, texts, strict=True)
    return "; ".join(f"{one.label}: {text}" for one, text in named if text)


def _body(one: Shown) -> str:
    mass = one.motion.meta.get("mass_kg")
    return f"{one.motion.model or 'unknown'}{f', {mass:.1f} kg' if mass else ''}"


def _duration(one: Shown) -> str:
    if periods(one.motion):
        return f"{one.motion.meta['period_s']:.2f} s, one period"
    return f"{one.motion.duration:.1f} s"


def _strides(one: Shown) -> str:
    if periods(one.motion):
        return f"one, shown {periods(one.motion)} times in a row"
    return str(one.gait.count)


def _training(motion: Motion) -> str:
    """How the policy behind a motion was trained, as its card says."""
    card = motion.meta.get("policy")
    if not isinstance(card, dict) or "command" not in card:
        return ""
    minutes, steps = card.get("training_minutes"), card.get("env_steps")
    effort = [f"{minutes:.1f} min" if minutes else "", f"{steps:,} steps" if steps else ""]
    shown = ", ".join(part for part in effort if part)
    return f"{card['command']}{f' ({shown})' if shown else ''}"
