"""How a judge does on the ladder's pieces that no training heard: order, diagnosis, and the place of the damage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from pkai.diagnosis import FamilyScale
from training import metrics
from training.ladder.flaws import FAMILIES
from training.metrics import Estimate
from training.planted import diagnose
from training.planted.diagnose import MUCH_PLANTED, SOME_PLANTED, Told

Floats = npt.NDArray[np.float64]
# Of the planted damage that must lie in the weakest third for it to count as found; by chance it is a third.
FOUND_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class FamilyFigures:
    """How one family of flaws is told, over recordings in which all families are damaged, as the ladder mixes them.

    Attributes
    ----------
    spearman : between told and planted severity; `n` counts recordings
    within : the same among the versions of an excerpt, mean over excerpts; `n` counts these
    same_word : share told "none", "some" or "much" as planted
    called, called_right : how many are told "some" or "much", and the share of these that were planted so
    """

    spearman: Estimate
    within: Estimate
    same_word: float
    called: int
    called_right: float | None


@dataclass(frozen=True, kw_only=True)
class AloneFigures:
    """How one family of flaws is told that was planted alone.

    Attributes
    ----------
    spearman : between told and planted severity; `n` counts recordings, the interval is over excerpts
    within : the same among the recordings of an excerpt, mean over excerpts; `n` counts these
    told_most : share of the recordings with much of it in which no other family's told severity rises more over the
        flawless recording of the excerpt
    """

    spearman: Estimate
    within: Estimate
    told_most: Estimate


@dataclass(frozen=True, kw_only=True)
class LadderFigures:
    """All figures of one judge.

    Attributes
    ----------
    accuracy : over all pairs of versions of an excerpt, every version of every unseen piece
    clear_accuracy : over those that differ by 0.1 or more of a struggling learner
    families : in the ladder's mixtures, on the half of the pieces that no scale was fitted to
    n_pieces : of that half
    alone : of recordings in which a family was planted alone
    placed : share of recordings damaged in one place whose damage lies in the weakest third of the timeline
    """

    accuracy: Estimate
    clear_accuracy: Estimate
    families: dict[str, FamilyFigures]
    n_pieces: int
    alone: dict[str, AloneFigures]
    placed: Estimate


def figures(
    told: Sequence[Told],
    scales: Mapping[str, FamilyScale],
    alone: Mapping[str, Sequence[Told]],
    shares: Floats,
) -> LadderFigures:
    """Figures from what the judge told.

    Parameters
    ----------
    told : of every version in the ladder's validation shards
    scales : of the judge's manifest
    alone : by family, of recordings in which it was planted alone, as `training.planted.one_family.listen` has them
    shares : as `training.planted.one_place.found_shares` finds them
    """
    _, measured = diagnose.halves(told)
    return LadderFigures(
        accuracy=_accuracy(told, 1e-6),
        clear_accuracy=_accuracy(told, 0.1),
        families={family: _family(measured, scale, FAMILIES.index(family)) for family, scale in scales.items()},
        n_pieces=len({each.piece for each in measured}),
        alone={family: _alone(alone[family], scales, family) for family in scales},
        placed=share_estimate(shares >= FOUND_SHARE),
    )


def share_estimate(right: npt.NDArray[np.bool_], *, n_bootstrap: int = 2000, seed: int = 0) -> Estimate:
    """Share of recordings, with its bootstrap interval."""
    rng = np.random.default_rng(seed)
    drawn = right[rng.integers(0, len(right), (n_bootstrap, len(right)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value=float(right.mean()), low=float(low), high=float(high), n=len(right))


def spearman_estimate(
    told: Floats, planted: Floats, drawn: npt.NDArray[Any] | None = None, *, n_bootstrap: int = 1000, seed: int = 0
) -> Estimate:
    """Spearman's rank correlation over recordings, with its bootstrap interval.

    Parameters
    ----------
    told, planted : (N,)
    drawn : (N,) of which excerpt each is, where excerpts are resampled and not recordings
    n_bootstrap : resamples
    seed : of the resampling
    """
    rng = np.random.default_rng(seed)
    one, other = stats.rankdata(told), stats.rankdata(planted)
    groups = _groups(np.arange(len(told)) if drawn is None else drawn)
    draws = rng.integers(0, len(groups), (n_bootstrap, len(groups)))
    found = []
    for draw in draws:
        chosen = np.concatenate([groups[i] for i in draw])
        found.append(_correlation(one[chosen], other[chosen]))
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Estimate(value=_correlation(one, other), low=float(low), high=float(high), n=len(told))


def within_estimate(
    told: Floats, planted: Floats, excerpts: npt.NDArray[Any], *, n_bootstrap: int = 1000, seed: int = 0
) -> Estimate:
    """Spearman's rank correlation among the recordings of an excerpt, mean over excerpts, with an interval over these.

    Excerpts of fewer than three recordings are left out, and those whose recordings differ by less than what a listener
    would call "some": where every tone rings on under the pedal, nobody tells fingers by ear.

    Raises
    ------
    ValueError
        If none is left.
    """
    parts = [part for part in _groups(excerpts) if len(part) >= 3 and np.ptp(planted[part]) >= SOME_PLANTED]
    if not parts:
        raise ValueError(f"no excerpt has three recordings in which what was planted differs by {SOME_PLANTED} or more")
    each = np.array([_correlation(stats.rankdata(told[part]), stats.rankdata(planted[part])) for part in parts])
    rng = np.random.default_rng(seed)
    low, high = np.percentile(each[rng.integers(0, len(each), (n_bootstrap, len(each)))].mean(axis=1), [2.5, 97.5])
    return Estimate(value=float(each.mean()), low=float(low), high=float(high), n=len(each))


def _groups(names: npt.NDArray[Any]) -> list[npt.NDArray[np.int64]]:
    """Where each name stands."""
    return [np.flatnonzero(names == name) for name in np.unique(names)]


def _correlation(one: Floats, other: Floats) -> float:
    """Pearson's; 0 where one of them is constant, for it tells nothing of the other."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0


def _accuracy(told: Sequence[Told], min_difference: float) -> Estimate:
    truth = -np.array([each.severity for each in told])
    excerpts = np.array([str(each.excerpt) for each in told])
    pairs = metrics.pair_indices(truth, excerpts, min_difference=min_difference)
    return metrics.accuracy_estimate(np.array([each.score for each in told]), pairs, n_bootstrap=500)


def _family(told: Sequence[Told], scale: FamilyScale, row: int) -> FamilyFigures:
    said = diagnose.recording_severities(told, scale, row)
    planted = diagnose.planted_severities(told, row)
    words = np.digitize(said, [scale.some_from, scale.much_from])
    truth = np.digitize(planted, [SOME_PLANTED, MUCH_PLANTED])
    called = words > 0
    excerpts = np.array([each.excerpt for each in told])
    return FamilyFigures(
        spearman=spearman_estimate(said, planted, excerpts),
        within=within_estimate(said, planted, excerpts),
        same_word=float((words == truth).mean()),
        called=int(called.sum()),
        called_right=float((truth[called] > 0).mean()) if called.any() else None,
    )


def _alone(told: Sequence[Told], scales: Mapping[str, FamilyScale], family: str) -> AloneFigures:
    own = FAMILIES.index(family)
    said = np.array([diagnose.recording_severities(told, scales[name], row) for row, name in enumerate(FAMILIES)])
    planted = diagnose.planted_severities(told, own)
    excerpts = np.array([each.excerpt for each in told])
    flawless = {int(excerpts[i]): said[:, i] for i in np.flatnonzero(planted == 0)}
    much = [i for i in np.flatnonzero(planted >= MUCH_PLANTED) if int(excerpts[i]) in flawless]
    if not much:
        raise ValueError(f"no recording holds much of {family} beside a flawless one; plant it in more excerpts")
    rises = [said[:, i] - flawless[int(excerpts[i])] for i in much]
    most = np.array([bool(rise[own] > 0 and rise[own] == rise.max()) for rise in rises])
    return AloneFigures(
        spearman=spearman_estimate(said[own], planted, excerpts),
        within=within_estimate(said[own], planted, excerpts),
        told_most=share_estimate(most),
    )
