"""Numbers as tables show them."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float]) -> str:
    """Median, with the extremes if there are several values; to the hundredth below 10."""
    middle = statistics.median(values)
    digits = 2 if middle < 10 else 0
    shown = f"{middle:.{digits}f}"
    return shown if len(values) == 1 else f"{shown} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def length(duration_s: float) -> str:
    """Minutes, if it is whole ones, else seconds."""
    return f"{duration_s / 60:g} min" if duration_s % 60 == 0 else f"{duration_s:g} s"
