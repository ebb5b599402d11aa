"""Hold a judge against people: score rated performances as the service does, and count.

Nothing here trains or selects: the figures are of the model as it is shipped, or of each seed of it alone.
"""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training import metrics
from training.evaluation import consensus
from training.evaluation.consensus import Scorer
from training.fitting.cepstrum import as_features
from training.ladder.shards import Shard
from training.metrics import Estimate
from training.music.performance import read_midi
from training.people import calibrate, playback
from training.people.calibrate import Rated
from training.people.playback import Setting
from training.people.rated import RatedPerformance

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a judge agrees with people in one setting.

    Attributes
    ----------
    at_half, at_one : pairwise accuracy of pairs that differ by 0.5, by 1.0 rating points or more
    against_length : of those of `at_half` in which the better playing takes longer; None where there is none
    spearman, kendall : mean over pieces
    outcomes : share of all pairs told right as better, equivalent or worse, the tie band fitted without the piece;
        None where there is one piece alone
    calibration_error : expected, of p_better fitted without the piece; None likewise
    calibration_error_by_chance : what it would be if every probability were exactly right
    """

    at_half: Estimate
    at_one: Estimate
    against_length: Estimate | None
    spearman: float
    kendall: float
    outcomes: float | None = None
    calibration_error: float | None = None
    calibration_error_by_chance: float | None = None

    def as_plain(self) -> dict[str, Any]:
        """Plain values, rounded to six digits."""
        return rounded(dataclasses.asdict(self))


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over seeds: its mean, its standard deviation (0 for one seed), and how many there are."""

    mean: float
    sd: float
    n: int


def scores(
    rated: tuple[RatedPerformance, ...], model_root: Path, name: str, cache: Path, setting: Setting, *, n_workers: int
) -> Floats:
    """Score of every performance by a shipped model: (N,)."""
    scorers = [consensus.of_model(model_root / name)]
    return scores_by(scorers, rated, cache, setting, n_workers=n_workers).reshape(-1)


def scores_by(
    scorers: Sequence[Scorer],
    rated: tuple[RatedPerformance, ...],
    cache: Path,
    setting: Setting,
    *,
    n_workers: int,
) -> Floats:
    """Score of every performance by several scorers, each rendered once and heard through the service's front end.

    Returns
    -------
    (J, N)
    """
    features = {
        config: playback.features_of(rated, setting, config, cache, n_workers=n_workers)
        for config in {scorer.features for scorer in scorers}
    }
    return np.array([[scorer.score(each) for each in features[scorer.features]] for scorer in scorers])


def agreement(rated: tuple[RatedPerformance, ...], found: Floats) -> Agreement:
    """Figures for scores found in one setting."""
    truth, pieces, spans = truth_of(rated), pieces_of(rated), spans_s(rated)
    pairs = metrics.pair_indices(truth, pieces, min_difference=0.5)
    misleading = pairs[spans[pairs[:, 0]] > spans[pairs[:, 1]]]
    folds = None
    if len(set(pieces)) > 1 and np.ptp(found) > 0:
        folds = calibrate.out_of_fold(Rated(scores=found, ratings=truth, pieces=pieces))
    return Agreement(
        at_half=metrics.accuracy_estimate(found, pairs),
        at_one=metrics.accuracy_estimate(found, metrics.pair_indices(truth, pieces, min_difference=1.0)),
        against_length=metrics.accuracy_estimate(found, misleading) if len(misleading) else None,
        spearman=metrics.mean_spearman(found, truth, pieces),
        kendall=metrics.mean_kendall(found, truth, pieces),
        outcomes=None if folds is None else folds.outcome_accuracy,
        calibration_error=None if folds is None else folds.calibration_error,
        calibration_error_by_chance=None if folds is None else folds.by_chance,
    )


def over_seeds(agreements: Sequence[Agreement]) -> dict[str, Spread]:
    """Mean and standard deviation over seeds of each figure that all of them have."""
    rows = [{name: _value(found) for name, found in vars(agreement).items()} for agreement in agreements]
    figures = {name: [row[name] for row in rows] for name in rows[0]}
    whole = {name: [value for value in values if value is not None] for name, values in figures.items()}
    return {name: spread(values) for name, values in whole.items() if len(values) == len(agreements)}


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(mean=float(np.mean(values)), sd=sd, n=len(values))


def length_baseline(rated: tuple[RatedPerformance, ...]) -> Agreement:
    """Figures of "who plays it in less time plays it better"; what precedes the first key does not count."""
    return agreement(rated, -spans_s(rated))


def human_ceiling(rated: tuple[RatedPerformance, ...]) -> dict[str, Estimate]:
    """How often each instructor alone agrees with the mean of all other raters, on pairs that differ by 0.5 or more.

    A tie of the instructor counts half.
    """
    instructors = [rater for rater in raters_of(rated) if rater.startswith("instructor")]
    return {rater: panels(rated, [(rater,)]) for rater in instructors}


# Musicians to a panel, each held against those who are not in it.
PANEL_SIZES = (1, 2, 3, 5)


def panel_ceiling(rated: tuple[RatedPerformance, ...]) -> dict[int, Estimate]:
    """How often the mean of a panel of so many raters agrees with the mean of all others, over every such panel."""
    raters = raters_of(rated)
    return {
        size: panels(rated, list(itertools.combinations(raters, size))) for size in PANEL_SIZES if size < len(raters)
    }


def panels(rated: tuple[RatedPerformance, ...], chosen: Sequence[tuple[str, ...]]) -> Estimate:
    """Agreement of panels' means with the means of everybody else, on pairs that differ by 0.5 or more.

    Performances that somebody of the panel did not rate, or nobody else did, are left out of its count. The interval is
    over recordings, for the panels as they are.

    Raises
    ------
    ValueError
        If no pair remains.
    """
    raters, pieces = raters_of(rated), pieces_of(rated)
    table = np.array([[each.ratings.get(rater, np.nan) for rater in raters] for each in rated])  # (N, R)
    right, judged = (np.zeros((len(rated), len(rated))) for _ in range(2))
    for panel in chosen:
        inside = np.isin(raters, panel)
        kept = np.flatnonzero(~np.isnan(table[:, inside]).any(axis=1) & ~np.isnan(table[:, ~inside]).all(axis=1))
        own, others = table[kept][:, inside].mean(axis=1), np.nanmean(table[kept][:, ~inside], axis=1)
        pairs = metrics.pair_indices(others, pieces[kept], min_difference=0.5)
        better, worse = pairs.T
        gap = own[better] - own[worse]
        right[kept[better], kept[worse]] += np.where(np.abs(gap) < 1e-9, 0.5, gap > 0)
        judged[kept[better], kept[worse]] += 1
    return metrics.share_estimate(right, judged)


def ladder_agreement(scorer: Scorer, shards: Sequence[Shard]) -> Estimate:
    """Accuracy over all pairs of versions of an excerpt of the skill ladder, by how much each was made worse.

    The interval resamples versions.
    """
    found: list[float] = []
    groups: list[str] = []
    severities: list[float] = []
    for number, shard in enumerate(shards):
        edges = np.concatenate([[0], np.cumsum(shard.lengths)])
        for version, (start, stop) in enumerate(itertools.pairwise(edges)):
            if stop - start >= scorer.cut.snippet_frames(scorer.features):
                frames = torch.from_numpy(shard.frames[start:stop].astype(np.float32))
                found.append(scorer.score(as_features(frames, scorer.features).numpy()))
                groups.append(f"{number}/{shard.excerpt[version]}")
                severities.append(float(shard.severity[version]))
    pairs = metrics.pair_indices(-np.array(severities), np.array(groups), min_difference=0.0)
    return metrics.accuracy_estimate(np.array(found), pairs, n_bootstrap=300)


def truth_of(rated: tuple[RatedPerformance, ...]) -> Floats:
    """Mean rating of each performance: (N,)."""
    return np.array([each.mean_rating for each in rated])


def pieces_of(rated: tuple[RatedPerformance, ...]) -> npt.NDArray[np.str_]:
    """Piece of each performance: (N,)."""
    return np.array([each.piece for each in rated])


def raters_of(rated: tuple[RatedPerformance, ...]) -> list[str]:
    """Everybody who rated any of the performances, in alphabetical order."""
    return sorted({rater for each in rated for rater in each.ratings})


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """The same values as JSON has them, floats to six digits."""
    plain: dict[str, Any] = json.loads(
        json.dumps(values, default=dataclasses.asdict), parse_float=lambda text: round(float(text), 6)
    )
    return plain


def _value(figure: Estimate | float | None) -> float | None:
    return figure.value if isinstance(figure, Estimate) else figure


def spans_s(rated: tuple[RatedPerformance, ...]) -> Floats:
    """Seconds from the first key to the last of each performance: (N,)."""
    return np.array([read_midi(each.midi).span_s for each in rated])
