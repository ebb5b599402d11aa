"""How a judge does on the ladder's pieces that no training heard: order, diagnosis, and the place of the damage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from pkai.diagnosis import FamilyScale
from training import diagnose, metrics
from training.diagnose import MUCH_PLANTED, SOME_PLANTED, Told
from training.metrics import Estimate
from training.skill_ladder import FAMILIES

Floats = npt.NDArray[np.float64]
# Of the planted damage that must lie in the weakest third for it to count as found; by chance it is a third.
FOUND_SHARE = 0.5


@dataclass(frozen=True, kw_only=True)
class FamilyFigures:
    """How one family of flaws is told, over recordings.

    Attributes
    ----------
    spearman : between told and planted severity; `n` counts recordings
    same_word : share told "none", "some" or "much" as planted
    called, called_right : how many are told "some" or "much", and the share of these that were planted so
    """

    spearman: Estimate
    same_word: float
    called: int
    called_right: float | None


@dataclass(frozen=True, kw_only=True)
class LadderFigures:
    """All figures of one judge.

    Attributes
    ----------
    accuracy : over all pairs of versions of an excerpt, every version of every unseen piece
    clear_accuracy : over those that differ by 0.1 or more of a struggling learner
    families : on the half of the pieces that no scale was fitted to
    n_pieces : of that half
    placed : share of recordings damaged in one place whose damage lies in the weakest third of the timeline
    """

    accuracy: Estimate
    clear_accuracy: Estimate
    families: dict[str, FamilyFigures]
    n_pieces: int
    placed: Estimate


def figures(told: Sequence[Told], scales: dict[str, FamilyScale], shares: Floats) -> LadderFigures:
    """Figures from what the judge told.

    Parameters
    ----------
    told : of every version in the ladder's validation shards
    scales : of the judge's manifest
    shares : as `training.one_place.found_shares` finds them
    """
    _, measured = diagnose.halves(told)
    return LadderFigures(
        accuracy=_accuracy(told, 1e-6),
        clear_accuracy=_accuracy(told, 0.1),
        families={family: _family(measured, scale, FAMILIES.index(family)) for family, scale in scales.items()},
        n_pieces=len({each.piece for each in measured}),
        placed=share_estimate(shares >= FOUND_SHARE),
    )


def share_estimate(right: npt.NDArray[np.bool_], *, n_bootstrap: int = 2000, seed: int = 0) -> Estimate:
    """Share of recordings, with its bootstrap interval."""
    rng = np.random.default_rng(seed)
    drawn = right[rng.integers(0, len(right), (n_bootstrap, len(right)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(value=float(right.mean()), low=float(low), high=float(high), n=len(right))


def spearman_estimate(told: Floats, planted: Floats, *, n_bootstrap: int = 1000, seed: int = 0) -> Estimate:
    """Spearman's rank correlation over recordings, with its bootstrap interval."""
    rng = np.random.default_rng(seed)
    one, other = stats.rankdata(told), stats.rankdata(planted)
    draws = rng.integers(0, len(told), (n_bootstrap, len(told)))
    low, high = np.nanpercentile([np.corrcoef(one[chosen], other[chosen])[0, 1] for chosen in draws], [2.5, 97.5])
    return Estimate(value=float(np.corrcoef(one, other)[0, 1]), low=float(low), high=float(high), n=len(told))


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
    return FamilyFigures(
        spearman=spearman_estimate(said, planted),
        same_word=float((words == truth).mean()),
        called=int(called.sum()),
        called_right=float((truth[called] > 0).mean()) if called.any() else None,
    )
