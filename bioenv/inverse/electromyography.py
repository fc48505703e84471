"""EMG of a trial as an inverse analysis uses it: envelopes, and the muscles each one hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bioenv.errors import BioenvError
from bioenv.lab.electrodes import Electrode, match
from bioenv.lab.emg import envelope
from bioenv.lab.trial import Emg

Array = NDArray[np.float64]


class Heard(NamedTuple):
    """Envelopes (E,) by channel on their own clock (E,) s, of the electrodes above muscles of the
    model; notes: what was left out."""

    time: Array
    envelopes: Mapping[str, Array]
    electrodes: tuple[Electrode, ...]
    notes: tuple[str, ...]

    def at(self, time: Array) -> dict[str, Array]:
        """Envelopes at other instants (T,) s. Raises BioenvError outside the recording."""
        edge = 1.5 * (self.time[-1] - self.time[0]) / max(len(self.time) - 1, 1)
        if time[0] < self.time[0] - edge or time[-1] > self.time[-1] + edge:
            raise BioenvError(
                f"the EMG covers {self.time[0]:g} to {self.time[-1]:g} s, the movement "
                f"{time[0]:g} to {time[-1]:g} s: method 'emg' needs both; give --start and --stop"
            )
        return {
            name: np.interp(time, self.time[ok], values[ok])
            for name, values in self.envelopes.items()
            for ok in [np.isfinite(values)]
        }

    def beside(self, time: Array) -> tuple[str, ...]:
        """A note when the recording lasts for a part of the movement at `time` (T,) s only."""
        inside = (time >= self.time[0]) & (time <= self.time[-1])
        if not self.electrodes or inside.mean() > 0.98:
            return ()
        spans = (
            f"the EMG covers {self.time[0]:g} to {self.time[-1]:g} s, the movement {time[0]:g} to "
            f"{time[-1]:g} s"
        )
        if inside.any():
            return (f"warning: {spans}: compared where both are",)
        return (f"warning: {spans}: nothing to compare; do the clocks start together?",)


def hear(emg: Emg, muscles: Sequence[str], side: str | None) -> Heard:
    """Envelopes of the channels that lie above muscles of the model; raw ones are processed first.

    side: leg of channels whose name says none.
    """
    values = emg.values if emg.envelope else envelope(emg.values, emg.rate)
    electrodes, other = match(emg.names, muscles, side)
    kept = {e.channel: values[:, emg.names.index(e.channel)] for e in electrodes}
    notes = []
    if other:
        hint = "" if electrodes or side else ": give --emg-side when their names do not say the leg"
        notes.append(f"EMG channels that fit no muscle: {', '.join(other)}{hint}")
    return Heard(emg.time, kept, electrodes, tuple(notes))
