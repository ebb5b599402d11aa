"""k-fold cross-validation on recordings that people rated: learn from some of them, judge the others, many times over.

Conventions: a fold's pairs have both recordings on the held-out side, and its learner sees no recording of that side;
pairs that cross are dropped, as the original P-KAI drops them. The figures of a repeat are over the pairs of all its
folds together; repeats differ in the random split alone, and their mean and standard deviation are over splits.

Each fold's result is on the disk as soon as it is there, under a hash of all that it follows from, so that a stopped
run goes on where it was.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pkai.calibration import p_better
from training import metrics
from training.durable import replace_text
from training.evaluation.evaluate import Spread, spread
from training.fitting.side_by_side import run_all
from training.metrics import Estimate
from training.people.calibrate import outcomes_of, pairs_of
from training.people.panel import Indices, People, SplitBy

logger = logging.getLogger(__name__)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How recordings are divided.

    Attributes
    ----------
    split : what stays on one side together
    k : folds
    repeats : random splits
    seed : of the first split; the others count on from it
    """

    split: SplitBy = "recording"
    k: int = 3
    repeats: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("k", 2), ("repeats", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {least} or more")


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """A judge that learnt from some recordings.

    Attributes
    ----------
    scores : (N,) of all recordings; only those of the held-out ones are used
    scale, tie_band : what differences of its scores mean
    about : how it came about, for people; plain values
    """

    scores: Floats
    scale: float
    tie_band: float
    about: dict[str, Any]


class Learner(Protocol):
    """What is cross-validated."""

    @property
    def identity(self) -> dict[str, Any]:
        """All that its results follow from besides the recordings; plain values."""

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Learn from `train`, then score at least `held_out`."""


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one fold brought.

    Attributes
    ----------
    repeat, fold : which
    held_out : names of the recordings that it judged
    scores : of those, in that order
    scale, tie_band, about : as in `Learnt`
    """

    repeat: int
    fold: int
    held_out: list[str]
    scores: list[float]
    scale: float
    tie_band: float
    about: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How a judge did on held-out recordings.

    Attributes
    ----------
    at_half, at_one : accuracy over the pairs that differ by 0.5, by 1.0 points or more; the interval is over recordings
    at_half_splits, at_one_splits : the same, mean and standard deviation over the random splits
    outcomes : share of all pairs told right as better, equivalent or worse, over splits
    kendall, spearman : tau-b and rho, mean over pieces of which a fold held out three recordings or more, over splits;
        None where there are none
    calibration_error : expected, of p_better, over the pairs of all splits together
    """

    at_half: Estimate
    at_one: Estimate
    at_half_splits: Spread
    at_one_splits: Spread
    outcomes: Spread
    kendall: Spread | None
    spearman: Spread | None
    calibration_error: float


def run(people: People, learner: Learner, plan: Plan, work: Path, *, data: str, n_threads: int = 1) -> list[FoldResult]:
    """Learn and judge every fold of every repeat, but for those that an earlier call finished.

    Parameters
    ----------
    work : folder for the folds' results; another learner, plan or data has another folder in it
    data : a digest of the recordings as the learner hears them
    n_threads : folds that learn at once, each on one thread

    Raises
    ------
    BrokenProcessPool
        If a process was killed.
    """
    everything = np.arange(len(people.ids))
    folds = [
        (repeat, fold, *sides)
        for repeat in range(plan.repeats)
        for fold, sides in enumerate(people.split(everything, plan.k, seed=plan.seed + repeat))
    ]
    folder = work / _fingerprint(people, learner, plan, data)
    paths = [folder / f"{plan.seed + repeat}-{fold}.json" for repeat, fold, *_ in folds]
    found = [
        _kept(path, repeat, people.ids[out].tolist()) for path, (repeat, _, _, out) in zip(paths, folds, strict=True)
    ]
    jobs = [
        (path, people, learner, repeat, fold, train, out, 1000 * (plan.seed + repeat) + fold)
        for path, kept, (repeat, fold, train, out) in zip(paths, found, folds, strict=True)
        if kept is None
    ]
    with tqdm(desc="cross-validation", total=len(folds), initial=len(folds) - len(jobs), unit="fold") as bar:
        made = iter(run_all(_make, jobs, n_threads=n_threads, finished=bar.update))
    return [kept or next(made) for kept in found]


def figures(people: People, results: Sequence[FoldResult]) -> Figures:
    """Figures over all folds of all repeats."""
    index = {str(name): i for i, name in enumerate(people.ids)}
    judged = [_Judged.of(people, index, result) for result in results]
    repeats = [[j for j, r in zip(judged, results, strict=True) if r.repeat == repeat] for repeat in _repeats(results)]
    said, came = (np.concatenate([getattr(j, name) for j in judged]) for name in ("said", "came"))
    return Figures(
        at_half=_pooled(judged, len(people.ids), 0.5),
        at_one=_pooled(judged, len(people.ids), 1.0),
        at_half_splits=_spread([_accuracy(each, 0.5) for each in repeats]),
        at_one_splits=_spread([_accuracy(each, 1.0) for each in repeats]),
        outcomes=_spread([float(np.concatenate([j.told for j in each]).mean()) for each in repeats]),
        kendall=_mean_spread([[value for j in each for value in j.kendalls] for each in repeats]),
        spearman=_mean_spread([[value for j in each for value in j.spearmans] for each in repeats]),
        calibration_error=metrics.calibration_error(said, came),
    )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """Pairs of one fold, the better first, with what was said of them."""

    pairs: Indices
    differences: Floats
    right: Floats
    told: Floats
    said: Floats
    came: Floats
    kendalls: list[float]
    spearmans: list[float]

    @classmethod
    def of(cls, people: People, index: dict[str, int], result: FoldResult) -> "_Judged":
        held = np.array([index[name] for name in result.held_out])
        scores = np.full(len(people.ids), np.nan)
        scores[held] = result.scores
        pairs = people.pairs(held, min_difference=0.0)
        differences = people.truth[pairs[:, 0]] - people.truth[pairs[:, 1]]
        gaps = scores[pairs[:, 0]] - scores[pairs[:, 1]]
        untied = outcomes_of(differences) == 1
        of_all, outcomes = pairs_of(people.rated(scores, held))
        told = np.where(np.abs(of_all) < result.tie_band, 0, np.sign(of_all))
        here = (scores[held], people.truth[held], people.pieces[held])
        return cls(
            pairs=pairs,
            differences=differences,
            right=np.where(gaps == 0, 0.5, (gaps > 0).astype(float)),
            told=(told == outcomes).astype(float),
            said=np.asarray(p_better(np.abs(gaps[untied]), scale=result.scale, tie_band=result.tie_band)),
            came=(gaps[untied] > 0).astype(float),
            kendalls=metrics.kendalls(*here),
            spearmans=metrics.spearmans(*here),
        )

    def clear(self, least: float) -> npt.NDArray[np.bool_]:
        """Which pairs differ by at least so much."""
        return self.differences >= least - 1e-9


def _pooled(judged: Sequence[_Judged], n: int, least: float) -> Estimate:
    right, counted = (np.zeros((n, n)) for _ in range(2))
    for each in judged:
        clear = each.clear(least)
        better, worse = each.pairs[clear].T
        right[better, worse] += each.right[clear]
        counted[better, worse] += 1
    return metrics.share_estimate(right, counted)


def _accuracy(judged: Sequence[_Judged], least: float) -> float:
    """Share of the pairs of one repeat's folds that were ranked right; nan without any."""
    right = np.concatenate([each.right[each.clear(least)] for each in judged])
    return float(right.mean()) if len(right) else float("nan")


def _spread(values: Sequence[float]) -> Spread:
    return spread([value for value in values if not np.isnan(value)])


def _mean_spread(values: Sequence[Sequence[float]]) -> Spread | None:
    """Over splits, of the mean of each; None if no split has any."""
    means = [float(np.mean(each)) for each in values if each]
    return _spread(means) if means else None


def _repeats(results: Sequence[FoldResult]) -> list[int]:
    return sorted({result.repeat for result in results})


def _make(
    path: Path,
    people: People,
    learner: Learner,
    repeat: int,
    fold: int,
    train: Indices,
    held_out: Indices,
    seed: int,
) -> FoldResult:
    """The result of a fold, kept in a file."""
    learnt = learner.learn(people, train, held_out, seed=seed)
    result = FoldResult(
        repeat=repeat,
        fold=fold,
        held_out=people.ids[held_out].tolist(),
        scores=learnt.scores[held_out].tolist(),
        scale=learnt.scale,
        tie_band=learnt.tie_band,
        about=learnt.about,
    )
    replace_text(path, json.dumps(asdict(result)) + "\n")
    return result


def _kept(path: Path, repeat: int, held_out: list[str]) -> FoldResult | None:
    """The result in a file, if it is of these recordings; another plan may have counted its repeats from elsewhere."""
    if not path.is_file():
        return None
    kept = FoldResult(**json.loads(path.read_text(encoding="utf-8")))
    return replace(kept, repeat=repeat) if kept.held_out == held_out else None


def _fingerprint(people: People, learner: Learner, plan: Plan, data: str) -> str:
    """Of all that a fold follows from, but for how many repeats there are."""
    told = [learner.identity, plan.split, plan.k, data, people.ids.tolist(), people.truth.tolist()]
    told += [people.pieces.tolist(), people.groups.tolist()]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]
