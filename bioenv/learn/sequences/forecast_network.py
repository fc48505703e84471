"""The network that forecasts: an LSTM whose state must tell the future at every sample.

The window's own samples are known truths for whoever stands inside it: at sample t the state tells
t + h, and the window holds it. So a window of L samples is L lessons, not one (`penalty`). What is
learned is the change from the last sample, in a frame where standing still is zero.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bioenv.errors import BioenvError
from bioenv.learn.estimators.networks import Gaussian, Settings, Shape, add_network, bounded

KIND = "forecast"


class Forecast(nn.Module):
    """See the module. `settings.more` holds what `forecast.settings_for` put there: columns
    (O,) of the targets among the inputs; slope, shift (O,) from scaled inputs to scaled targets;
    ahead (H,) samples; dense: weight of the lessons inside the window; trunk: "lstm" or
    "convolution"."""

    KERNEL = 3
    EVERY = 4  # samples from one lesson to the next

    slope: Tensor
    shift: Tensor

    def __init__(self, settings: Settings, shape: Shape) -> None:
        super().__init__()
        more = dict(settings.more)
        self.shape, self.dense = shape, float(more["dense"])
        self.columns = [int(i) for i in more["columns"]]
        self.ahead = [int(i) for i in more["ahead"]]
        if len(self.columns) != shape.outputs or len(self.ahead) != shape.instants:
            raise BioenvError(
                f"network {KIND!r} of {len(self.columns)} columns and {len(self.ahead)} instants "
                f"does not fit windows of {shape.outputs} and {shape.instants}"
            )
        for name in ("slope", "shift"):
            values = torch.as_tensor(np.asarray(more[name], dtype=np.float32))
            self.register_buffer(name, values, persistent=False)
        self.layers = nn.ModuleList()
        if more["trunk"] == "lstm":
            self.cells = nn.LSTM(shape.inputs, settings.hidden, settings.layers, batch_first=True)
        else:
            width, seen = shape.inputs, 1
            while seen < shape.samples:
                dilation = 2 ** len(self.layers)
                self.layers.append(
                    nn.Conv1d(width, settings.hidden, self.KERNEL, dilation=dilation)
                )
                width, seen = settings.hidden, seen + (self.KERNEL - 1) * dilation
        size = shape.instants * shape.outputs
        self.mix = nn.Linear(settings.hidden + shape.inputs, 2 * settings.hidden)
        self.mean = nn.Linear(2 * settings.hidden, size)
        self.spread = nn.Linear(2 * settings.hidden, size)
        for layer, bias in ((self.mean, 0.0), (self.spread, -3.0)):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.constant_(layer.bias, bias)
        self._states = torch.zeros(1, 1, settings.hidden)

    def forward(self, window: Tensor) -> Gaussian:
        """Gaussian (N, H, O) of scaled windows (N, L, I)."""
        self._states = self._trunk(window)
        found = self._told(self._states[:, -1:], window[:, -1:])
        return Gaussian(found.mean[:, 0], found.log_variance[:, 0])

    def penalty(self, window: Tensor) -> Tensor:
        """Likelihood of what the window itself holds, told from its own earlier samples."""
        far, begin = max(self.ahead), window.shape[1] // 4
        stop = window.shape[1] - far
        if self.dense == 0.0 or stop <= begin:
            return window.new_zeros(())
        # Neighboring samples teach nearly the same.
        lessons = torch.arange(begin, stop, self.EVERY)
        found = self._told(self._states[:, lessons], window[:, lessons])
        truth = self._own(window)[:, lessons[:, None] + torch.tensor(self.ahead)]
        miss = (truth - found.mean).square() * torch.exp(-found.log_variance)
        each = 0.5 * (miss + found.log_variance) * torch.exp(0.5 * found.log_variance.detach())
        return self.dense * each.mean()

    def _trunk(self, window: Tensor) -> Tensor:
        if not self.layers:
            states: Tensor = self.cells(window)[0]
            return states
        signal = window.transpose(1, 2)
        for number, layer in enumerate(self.layers):
            past = (self.KERNEL - 1) * 2**number
            new = nn.functional.silu(layer(nn.functional.pad(signal, (past, 0))))
            signal = new + signal if new.shape == signal.shape else new
        return signal.transpose(1, 2)

    def _told(self, states: Tensor, window: Tensor) -> Gaussian:
        """Mean and log variance (N, T, H, O) at states (N, T, hidden)."""
        mixed = nn.functional.silu(self.mix(torch.cat([states, window], dim=-1)))
        size = (self.shape.instants, self.shape.outputs)
        change = self.mean(mixed).unflatten(-1, size)
        spread = bounded(self.spread(mixed)).unflatten(-1, size)
        return Gaussian(self._own(window)[:, :, None] + change, spread)

    def _own(self, window: Tensor) -> Tensor:
        """(N, T, O) the targets' columns of a window, scaled as targets are."""
        return window[:, :, self.columns] * self.slope + self.shift


add_network(KIND, Forecast)
