"""How well scores order performances that people have rated.

Conventions: only performances of one piece are compared; the truth of a pair is the sign of the difference of its mean
ratings; pairs nearer than `min_difference` are left out; a tie in score counts half.

Intervals resample recordings, not pairs: pairs share recordings, so resampling pairs would make them too narrow.

`kendall` is tau-b within pieces, averaged over pieces; over untied pairs of one piece it is twice the pairwise accuracy
minus one. `outcome_accuracy` counts ties too: a pair is better, worse or equivalent, by people and by the judge.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def accuracy_estimate(
    scores: Floats, pairs: npt.NDArray[np.int64], *, n_bootstrap: int = 2000, seed: int = 0
) -> Estimate:
    """Share of pairs whose first scores higher, with an interval over recordings; a tie in score counts half.

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
    if len(pairs) == 0:
        raise ValueError("no pair differs enough to be judged")
    difference = scores[pairs[:, 0]] - scores[pairs[:, 1]]
    right, judged = (np.zeros((len(scores), len(scores))) for _ in range(2))
    # A pair may be there more than once, as several people labelled it.
    np.add.at(right, (pairs[:, 0], pairs[:, 1]), np.where(difference == 0, 0.5, difference > 0))
    np.add.at(judged, (pairs[:, 0], pairs[:, 1]), 1)
    return share_estimate(right, judged, n_bootstrap=n_bootstrap, seed=seed)


def share_estimate(right: Floats, judged: Floats, *, n_bootstrap: int = 2000, seed: int = 0) -> Estimate:
    """Share of judgements that were right, with an interval over recordings.

    Parameters
    ----------
    right, judged : (N, N) how often the pair of row and column was judged right, and how often at all; several
        judgements of a pair, by several panels or splits, count as one pair in `n`
    n_bootstrap : resamples of the recordings; a pair counts as often as both of its recordings are drawn
    seed : of the resampling

    Raises
    ------
    ValueError
        If nothing was judged.
    """
    total = float(judged.sum())
    if total == 0:
        raise ValueError("no pair differs enough to be judged")
    n = len(judged)
    rng = np.random.default_rng(seed)
    times = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(n_bootstrap)]).astype(float)
    weights = np.einsum("bi,bi->b", times @ judged, times)
    drawn = weights > 0
    shares = np.einsum("bi,bi->b", times @ right, times)[drawn] / weights[drawn]
    low, high = np.percentile(shares, [2.5, 97.5])
    n_pairs = int((judged + judged.T > 0).sum()) // 2
    return Estimate(value=float(right.sum()) / total, low=float(low), high=float(high), n=n_pairs)


def outcome_accuracy(gaps: Floats, truth: npt.NDArray[np.int64], *, tie_band: float) -> float:
    """Share of pairs whose outcome is told right, ties included.

    Parameters
    ----------
    gaps : (P,) differences of score
    truth : (P,) 1 where the first is better, -1 where the second is, 0 where people heard no difference
    tie_band : >= 0; gaps below it are called equivalent

    Raises
    ------
    ValueError
        If there is no pair.
    """
    if len(gaps) == 0:
        raise ValueError("no pair is there to be judged")
    told = np.where(np.abs(gaps) < tie_band, 0, np.sign(gaps))
    return float(np.mean(told == truth))


def calibration_error(said: Floats, came: Floats, *, n_bins: int = 10) -> float:
    """Expected calibration error: how far what was said lies from how often it came true, in bins of equal count.

    Parameters
    ----------
    said : (P,) probabilities
    came : (P,) 1 where it came true, else 0
    n_bins : by probability; fewer where there are fewer pairs

    Raises
    ------
    ValueError
        If there is no pair.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (section 2); equal counts instead of equal widths.
    """
    if len(said) == 0:
        raise ValueError("no pair is there to be judged")
    bins = np.array_split(np.argsort(said, kind="stable"), min(n_bins, len(said)))
    return float(sum(len(b) * abs(said[b].mean() - came[b].mean()) for b in bins) / len(said))


def calibration_error_by_chance(said: Floats, *, n_bins: int = 10, n_draws: int = 300, seed: int = 0) -> float:
    """What `calibration_error` is on average where every probability is exactly right: what few pairs do by chance.

    Pairs are drawn independently; real ones share recordings, so that theirs is greater.

    Parameters
    ----------
    said : (P,) probabilities
    n_bins : as there
    n_draws : of who wins each pair
    seed : of these
    """
    came = np.random.default_rng(seed).random((n_draws, len(said))) < said
    return float(np.mean([calibration_error(said, drawn.astype(float), n_bins=n_bins) for drawn in came]))


def mean_spearman(scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]) -> float:
    """Mean over pieces of `spearmans`; nan where there is none."""
    return _mean(spearmans(scores, truth, groups))


def mean_kendall(scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]) -> float:
    """Mean over pieces of `kendalls`; nan where there is none."""
    return _mean(kendalls(scores, truth, groups))


def spearmans(scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]) -> list[float]:
    """Spearman's rank correlation within each piece of three performances or more that differ."""
    return _within(stats.spearmanr, scores, truth, groups)


def kendalls(scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]) -> list[float]:
    """Kendall's tau-b within each piece of three performances or more that differ."""
    return _within(stats.kendalltau, scores, truth, groups)


def _within(
    correlation: Callable[..., Any], scores: Floats, truth: Floats, groups: npt.NDArray[np.str_]
) -> list[float]:
    """One for each piece, 0 where its scores are all equal."""
    values = []
    for group in np.unique(groups):
        here, true = scores[groups == group], truth[groups == group]
        if len(true) >= 3 and np.ptp(true) > 0:
            values.append(float(correlation(here, true).statistic) if np.ptp(here) > 0 else 0.0)
    return values


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
