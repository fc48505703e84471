"""The one error that a user's mistake raises, and the sentence for a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BioenvError(ValueError):
    """A mistake in what the user gave: a name, a number, a file.

    The message says what was given, what was expected and how to mend it. The command line
    prints it without a traceback.
    """


def unknown(kind: str, name: str, available: Iterable[str]) -> BioenvError:
    """The error for a `name` that is not among `available`; the caller raises it.

    >>> raise unknown("task", "bioenv/Wlak-v0", ["bioenv/Walk-v0"])
    Traceback (most recent call last):
    bioenv.errors.BioenvError: unknown task 'bioenv/Wlak-v0'; did you mean 'bioenv/Walk-v0'? \
Available: bioenv/Walk-v0
    """
    names = [str(one) for one in available]
    # Compared without case, since a wrong capital is the most common slip.
    by_lower = {one.lower(): one for one in names}
    close = difflib.get_close_matches(str(name).lower(), list(by_lower), n=1)
    hint = f"; did you mean {by_lower[close[0]]!r}?" if close else "."
    listed = ", ".join(names) if names else "none"
    return BioenvError(f"unknown {kind} {name!r}{hint} Available: {listed}")
