"""How well scores order performances that people have rated.

Conventions: only performances of one piece are compared; the truth of a pair is the sign of the difference of its mean
ratings; pairs nearer than `min_difference` are left out; a tie in score counts half.

Intervals resample recordings, not pairs: pairs share recordings, so resampling pairs would make them too narrow.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure with its number of pairs and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    n: int


def pair_indices(truth: Floats, groups: npt.NDArray[np.str_], *, min_difference: float) -> npt.NDArray[np.int64]:
    """Pairs within a group whose truth differs enough, the better first.

    Parameters
    ----------
    truth : (N,) ratings
    groups : (N,) piece of each
    min_difference : of the ratings, >= 0; equal ratings never make a pair

    Returns
    -------
    (P, 2) int64
    """
    gap = truth[:, None] - truth[None, :]
    chosen = (groups[:, None] == groups[None, :]) & (gap > 0) & (gap >= min_difference - 1e-9)
    return np.argwhere(chosen)


def pairwise_accuracy(scores: Floats, pairs: npt.NDArray[np.int64]) -> float:
    """Share of pairs whose first scores higher; a tie in score counts half.

    Raises
    ------
    ValueError
        If there is no pair.
    """
    if len(pairs) == 0:
        raise ValueError("no pair differs enough to be judged")
    difference = scores[pairs[:, 0]] - scores[pairs[:, 1]]
    return float(np.mean(np.where(difference == 0, 0.5, difference > 0)))


def accuracy_estimate(
    scores: Floats, pairs: npt.NDArray[np.int64], *, n_bootstrap: int = 2000, seed: int = 0
) -> Estimate:
    """Pairwise accuracy with an interval over recordings.

    Parameters
    ----------
    scores : (N,)
    pairs : (P, 2), the better first
    n_bootstrap : resamples of the recordings
    seed : of the resampling

    Raises
    ------
    ValueError
        If there is no pair.
    """
    value = pairwise_accuracy(scores, pairs)
    rng = np.random.default_rng(seed)
    difference = scores[pairs[:, 0]] - scores[pairs[:, 1]]
    right = np.where(difference == 0, 0.5, difference > 0)
    resampled = []
    for _ in range(n_bootstrap):
        times = np.bincount(rng.integers(0, len(scores), len(scores)), minlength=len(scores))
        weight = times[pairs[:, 0]] * times[pairs[:, 1]]
        if weight.sum() > 0:
            resampled.append(float((right * weight).sum() / weight.sum()))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(value=value, low=float(low), high=float(high), n=len(pairs))


def mean_spearman(scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]) -> float:
    """Spearman's rank correlation within each piece, averaged over pieces of three performances or more."""
    values = [
        float(stats.spearmanr(scores[groups == group], truth[groups == group]).statistic)
        for group in np.unique(groups)
        if (groups == group).sum() >= 3
    ]
    return float(np.mean(values))
