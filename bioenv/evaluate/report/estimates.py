"""Section on what a learned estimator said: its values, its 90 % band, and where it doubts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bioenv.evaluate.report import figures
from bioenv.evaluate.report.content import Content, Shown
from bioenv.evaluate.report.page import Section, hint
from bioenv.learn.estimators.columns import Column
from bioenv.motion import CHANNELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 12  # panels of a channel
_DOUBT = "#d55e00"


def estimates(content: Content) -> list[Section]:
    """One section for every channel that was estimated with a band; the table names the others."""
    channels = dict.fromkeys(
        name
        for one in content.shown
        for name, signal in one.motion.signals.items()
        if signal.source == "estimated" and signal.band is not None
        if len(CHANNELS[name].axes) == 1
    )
    return [_section(content, name) for name in channels]


def _section(content: Content, channel: str) -> Section:
    shown = [
        (index, one)
        for index, one in content.numbered(content.shown)
        if channel in one.motion and one.motion.source(channel) == "estimated"
    ]
    labels = list(dict.fromkeys(n for _, one in shown for n in one.motion.labels(channel)))[:_MOST]
    columns = min(3, len(labels))
    rows = -(-len(labels) // columns)

    def fill(panels: list[Axes]) -> None:
        for panel, label in zip(panels, labels, strict=False):
            for index, one in shown:
                if label in one.motion.labels(channel):
                    _draw(panel, one, channel, label, figures.colour(index))
            unit = Column(channel, label, "", False).unit.replace("*", "·")
            panel.set_title(f"{label} ({unit})")
        for panel in panels[len(labels) :]:
            panel.set_visible(False)
        figures.name_axis(panels, "time (s)")

    title = f"Estimated: {channel.replace('_', ' ')}"
    said = " ".join(_said(one, channel) for _, one in shown)
    caption = (
        "Line: the estimate. Faint: its 90 % interval, wider where the estimator is out of its "
        "depth. Bars at the bottom: samples that it flags as unlike what it was trained on."
    )
    key = f"estimated-{channel}"
    figure = figures.draw(key, title, caption, (rows, columns), (10, 2.3 * rows), fill)
    return Section(key, title, hint(said) + figure)


def _draw(panel: Axes, one: Shown, channel: str, label: str, colour: str) -> None:
    """A column over the stretch that is filmed, with its band and its flags."""
    signal = one.motion.signals[channel]
    start, stop = one.film_span(strides=4, seconds=2.0)
    inside = (one.motion.time >= start) & (one.motion.time <= stop)
    time, row = one.motion.time[inside], signal.labels.index(label)
    panel.plot(time, signal.values[inside, row], color=colour, lw=1.2)
    if signal.band is not None:
        low, high = np.moveaxis(signal.band[inside, row], -1, 0)
        panel.fill_between(time, low, high, color=colour, alpha=0.18, lw=0)
    if signal.flag is not None:
        panel.fill_between(
            time, 0.0, 0.03, where=signal.flag[inside].tolist(), color=_DOUBT, lw=0, step="mid",
            transform=panel.get_xaxis_transform(),
        )  # fmt: skip


def _said(one: Shown, channel: str) -> str:
    """What is known of the trust in an estimated channel of one motion, in words."""
    signal = one.motion.signals[channel]
    notes = one.motion.meta.get("estimate_notes") or []
    told = f"; {'; '.join(map(str, notes))}" if notes else ""
    if signal.band is None or signal.flag is None:
        return f"{one.label}: estimated without a calibrated band{told}."
    share = 100 * float(signal.flag.mean())
    return f"{one.label}: {share:.0f} % of the samples are flagged{told}."
