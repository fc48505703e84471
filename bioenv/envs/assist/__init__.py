"""Assistance: an ankle exoskeleton, and the safety filter between any policy and a person's joint.

`Exoskeleton` is a device that a `Task` carries (``Task(device=...)``); `SafetyFilter` lets through
only torques that keep the joint inside `Limits`; `Monitor` tells whether sensors can be believed;
`Faults` corrupt them on purpose; `violations` counts what went wrong. Estimators of the joint's
load are functions to plain arrays (`Estimate`), so that learned ones need not be known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bioenv.lazy import lazy

if TYPE_CHECKING:
    from bioenv.envs.assist.adversary import ADVERSARIES, Adversary
    from bioenv.envs.assist.body import worn
    from bioenv.envs.assist.device import Exoskeleton
    from bioenv.envs.assist.faults import Faults
    from bioenv.envs.assist.filter import Filtered, SafetyFilter
    from bioenv.envs.assist.human import Human
    from bioenv.envs.assist.limits import Limits
    from bioenv.envs.assist.load import TendonLoad
    from bioenv.envs.assist.monitor import Monitor
    from bioenv.envs.assist.sensors import Estimate, Readings
    from bioenv.envs.assist.violations import Violations

__all__ = [
    "ADVERSARIES",
    "Adversary",
    "Estimate",
    "Exoskeleton",
    "Faults",
    "Filtered",
    "Human",
    "Limits",
    "Monitor",
    "Readings",
    "SafetyFilter",
    "TendonLoad",
    "Violations",
    "worn",
]

_HOME = {
    "ADVERSARIES": "adversary",
    "Adversary": "adversary",
    "Estimate": "sensors",
    "Exoskeleton": "device",
    "Faults": "faults",
    "Filtered": "filter",
    "Human": "human",
    "Limits": "limits",
    "Monitor": "monitor",
    "Readings": "sensors",
    "SafetyFilter": "filter",
    "TendonLoad": "load",
    "Violations": "violations",
    "worn": "body",
}

__getattr__, __dir__ = lazy(__name__, _HOME)
