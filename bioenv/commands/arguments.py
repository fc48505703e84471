"""Types of command-line arguments, with errors a reader understands."""

from __future__ import annotations

import argparse


def seed(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1 to 1000."""
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 1000, not {text!r}")
    return int(text)


def positive(text: str) -> float:
    """A number above 0 and below a million."""
    value = _number(text)
    if not 0.0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"a positive number, not {text!r}")
    return value


def from_zero(text: str) -> float:
    """A number from 0 and below a million."""
    value = _number(text)
    if not 0.0 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"a number from 0, not {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def seconds(text: str) -> float:
    """A time in s above 0 and below 100,000."""
    value = _number(text)
    if not 0.0 < value < 1e5:
        raise argparse.ArgumentTypeError(f"a positive number of seconds, not {text!r}")
    return value


def instant(text: str) -> float:
    value = _number(text)
    if not -1e6 < value < 1e6:
        raise argparse.ArgumentTypeError(f"an instant in seconds, not {text!r}")
    return value
