"""From ratings to pairs, and from pairs to a scale.

`pairs_from_ratings` compares means of several people's ratings; `fit_scale` finds the positions that explain given
pairs best, by Bradley and Terry's model with ties after Davidson [1]_: with s the difference of two positions, better,
worse and equal have odds exp(s / 2) : exp(-s / 2) : nu. Both say how sure they are.

References
----------
.. [1] Davidson, On extending the Bradley-Terry model to accommodate ties in paired comparison experiments, JASA 65
   (1970) 317-328.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from training.labels.pairs import Pair, recordings_of

Array = npt.NDArray[np.float64]

_TOLERANCE = 1e-10  # of the last Newton step, in positions
_MOST_STEPS = 100
_ROUNDING = 1e-9  # of means, in units of the rating


@dataclass(frozen=True)
class Position:
    """Where a recording lies.

    Attributes
    ----------
    value : mean rating, or position in logits with mean 0 over the set
    standard_error : of the value; nan for the mean of one rating
    """

    value: float
    standard_error: float


@dataclass(frozen=True)
class Scale:
    """A fitted scale.

    Attributes
    ----------
    positions : recording -> position, in logits
    tie_odds : >= 0; Davidson's nu, odds of equal against better-or-worse's mean where two are level
    tie_log_error : standard error of its logarithm
    """

    positions: dict[str, Position]
    tie_odds: float
    tie_log_error: float


def mean_ratings(ratings: Mapping[str, Sequence[float]]) -> dict[str, Position]:
    """Mean over the raters of each recording, and its standard error.

    Raises
    ------
    ValueError
        If a recording has no rating.
    """
    if empty := [name for name, values in ratings.items() if not values]:
        raise ValueError(f"{', '.join(empty)} has no rating")
    return {
        name: Position(float(np.mean(v)), float(np.std(v, ddof=1) / np.sqrt(len(v))) if len(v) > 1 else float("nan"))
        for name, v in ratings.items()
    }


def pairs_from_ratings(
    means: Mapping[str, float], *, tie_below: float, within: Mapping[str, str] | None = None
) -> list[Pair]:
    """All pairs in the order of the ratings, labelled by the sign of the difference.

    Parameters
    ----------
    tie_below : >= 0, units of the rating
        Recordings whose means differ by less are equal; with 0, only those with the same mean.
    within : recording -> group; only recordings of the same group are compared, all without it

    Raises
    ------
    ValueError
        If `tie_below` is negative, or a recording has no group.
    """
    if tie_below < 0:
        raise ValueError(f"tie_below is {tie_below}; it cannot be negative")
    if within is not None and (lost := [name for name in means if name not in within]):
        raise ValueError(f"{', '.join(lost)} has no group")
    two = ((a, b) for a, b in combinations(means, 2) if within is None or within[a] == within[b])
    return [Pair(a, b, _label(means[a] - means[b], tie_below)) for a, b in two]


def _label(difference: float, tie_below: float) -> int:
    least = max(tie_below - _ROUNDING, _ROUNDING)
    return 0 if abs(difference) < least else 1 if difference > 0 else -1


def fit_scale(pairs: Sequence[Pair], *, prior_sd: float = 3.0) -> Scale:
    """Positions and tie odds that make the labels most probable, with standard errors from the curvature there.

    Parameters
    ----------
    pairs : only answers count; a label that follows from others tells nothing that they do not
    prior_sd : > 0, logits
        Spread of the normal prior on positions and on the logarithm of the tie odds, about 0. Without one, a
        recording that always loses lies at minus infinity; 3 leaves odds of 20 : 1 likely and draws little else.

    Raises
    ------
    ValueError
        If nobody labelled a pair, or `prior_sd` is not positive.
    """
    labelled = [pair for pair in pairs if pair.answered]
    if not labelled:
        raise ValueError("nobody labelled a pair; a scale needs answers")
    if prior_sd <= 0:
        raise ValueError(f"prior_sd is {prior_sd}; it has to be positive")
    names = recordings_of(labelled)
    index = {name: i for i, name in enumerate(names)}
    i, j = (
        np.array([index[name] for name in side]) for side in zip(*((p.first, p.second) for p in labelled), strict=True)
    )
    outcome = np.array([pair.label for pair in labelled], float)
    parameters = np.zeros(len(names) + 1)  # positions, then log nu
    for _ in range(_MOST_STEPS):
        gradient, curvature = _derivatives(parameters, i, j, outcome, prior_sd)
        step = np.linalg.solve(curvature, gradient)
        parameters += step * min(1.0, 1.0 / np.abs(step).max())  # concave, but Newton overshoots from afar
        if np.abs(step).max() < _TOLERANCE:
            break
    else:
        raise ValueError(f"the scale does not settle; a prior_sd below {prior_sd} holds it")
    return _scale(names, parameters, np.asarray(np.linalg.inv(curvature), np.float64))


def _derivatives(
    parameters: Array, i: npt.NDArray[np.intp], j: npt.NDArray[np.intp], outcome: Array, prior_sd: float
) -> tuple[Array, Array]:
    """Gradient of the log posterior, and minus its second derivative."""
    half = (parameters[i] - parameters[j]) / 2
    weights = np.stack([-half, np.full_like(half, parameters[-1]), half])  # (3, P): worse, equal, better
    weights = np.exp(weights - weights.max(axis=0))
    worse, equal, better = weights / weights.sum(axis=0)
    lean = (better - worse) / 2  # expectation of outcome / 2
    gradient = -parameters / prior_sd**2
    np.add.at(gradient, i, outcome / 2 - lean)
    np.add.at(gradient, j, lean - outcome / 2)
    gradient[-1] += ((outcome == 0) - equal).sum()
    spread, with_tie = (better + worse) / 4 - lean**2, -lean * equal
    curvature = np.eye(len(parameters)) / prior_sd**2
    for a, b, value in ((i, i, spread), (j, j, spread), (i, j, -spread), (j, i, -spread)):
        np.add.at(curvature, (a, b), value)
    for a, value in ((i, with_tie), (j, -with_tie)):
        np.add.at(curvature[-1], a, value)
        np.add.at(curvature[:, -1], a, value)
    curvature[-1, -1] += (equal * (1 - equal)).sum()
    return gradient, curvature


def _scale(names: Sequence[str], parameters: Array, covariance: Array) -> Scale:
    """Positions about their mean; only differences are known, so the error is that of the centred position."""
    n = len(names)
    centre = np.eye(n) - 1 / n
    values = centre @ parameters[:n]
    errors = np.sqrt(np.diag(centre @ covariance[:n, :n] @ centre))
    positions = {name: Position(float(v), float(e)) for name, v, e in zip(names, values, errors, strict=True)}
    return Scale(positions, float(np.exp(parameters[-1])), float(np.sqrt(covariance[-1, -1])))
