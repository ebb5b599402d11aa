"""What went wrong in the playing, and where: from what the network tells of each family of flaws to what people read.

The network tells the logarithm of one plus a severity, where 1 is what a struggling learner does. How far that may be
believed differs from family to family, so each has a scale of its own, fitted by training on pieces that no network
has heard; it travels in the manifest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Extent = Literal["none", "some", "much"]
# All that the words of a diagnosis are made for.
FAMILIES = ("timing", "tempo", "notes", "dynamics", "articulation", "pedal", "hesitation")


@dataclass(frozen=True, kw_only=True)
class FamilyScale:
    """What the network's figure for one family of flaws means.

    Attributes
    ----------
    told_knots, severity_knots : ascending, and never falling; of equal length >= 2
        The severity that was planted, on average, where the network told so much; linear in between, level outside.
    some_from, much_from : 0 < some_from < much_from, severities
        From where on a recording's mean severity is called "some", and "much".
    cost : >= 0, by which a severity of 1 lowers the score
    """

    told_knots: tuple[float, ...]
    severity_knots: tuple[float, ...]
    some_from: float
    much_from: float
    cost: float

    def __post_init__(self) -> None:
        if len(self.told_knots) != len(self.severity_knots) or len(self.told_knots) < 2:
            raise ValueError("told_knots and severity_knots must be of equal length, two or more")
        if np.any(np.diff(self.told_knots) <= 0) or np.any(np.diff(self.severity_knots) < 0):
            raise ValueError("told_knots must ascend, and severity_knots must never fall")
        if not 0 < self.some_from < self.much_from:
            raise ValueError("some_from must be positive, and much_from above it")
        if self.cost < 0:
            raise ValueError("cost must not be negative")

    def severity(self, told: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Severity, of any shape, 1 being what a struggling learner does."""
        return np.interp(told, self.told_knots, self.severity_knots)

    @property
    def judged(self) -> bool:
        """Whether a word is ever said: of what is not heard well enough, no severity leads to one."""
        return self.some_from <= self.severity_knots[-1]

    def extent(self, severity: float) -> Extent:
        """A recording's mean severity in a word."""
        if severity >= self.much_from:
            return "much"
        return "some" if severity >= self.some_from else "none"


def cost(told: npt.NDArray[np.float64], scales: Sequence[FamilyScale]) -> npt.NDArray[np.float64]:
    """How much the flaws of all families together lower the score at each moment.

    Parameters
    ----------
    told : (F, T) by the network
    scales : of each family

    Returns
    -------
    (T,)
    """
    each = [scale.cost * scale.severity(row) for scale, row in zip(scales, told, strict=True)]
    return np.asarray(np.sum(each, axis=0))
