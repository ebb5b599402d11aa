"""What the numbers of a configuration must lie between, told in one way."""

from typing import Any


def require(config: Any, low: float, high: float, *names: str, above: bool = False) -> None:
    """Refuse attributes outside their range.

    Parameters
    ----------
    config : whose attributes
    low, high : both allowed, but for `low` if `above`
    names : of the attributes; one that is None, or a tuple, is judged by its parts
    above : whether the attributes must be greater than `low`

    Raises
    ------
    ValueError
        With the name, the value and the range.
    """
    for name in names:
        value = getattr(config, name)
        parts = value if isinstance(value, tuple) else () if value is None else (value,)
        for part in parts:
            if not (low < part if above else low <= part) or not part <= high:
                raise ValueError(f"{name} is {value}; it must be {_range(low, high, above)}")


def _range(low: float, high: float, above: bool) -> str:
    if high == float("inf"):
        return f"greater than {low:g}" if above else f"{low:g} or more"
    return f"greater than {low:g} and at most {high:g}" if above else f"in {low:g}..{high:g}"
