"""What the judge tells of each family of flaws, against what the ladder planted, on pieces that no training heard.

Half of those pieces fit the scales that travel in the manifest, the other half gives the figures; the halves are split
by a hash of the piece's name, so that they are the same everywhere.

Conventions: planted severity is in units of a struggling learner, 1; a recording's severity is the mean over its
timeline. Spearman's rank correlation is over recordings, all of their families being damaged at once, as the ladder
draws them: a judge that only hears how bad a recording is on the whole does poorly.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy import optimize, stats

from pkai.assessment import RecordingFacts
from pkai.diagnosis import FamilyScale
from pkai.scorer import Judge
from training.fitting import snippets
from training.fitting.cepstrum import as_features
from training.fitting.snippets import FAMILY_WEIGHTS
from training.ladder.flaws import FAMILIES
from training.ladder.shards import Shard
from training.ladder.skill_ladder import LABEL_STEP_S

Floats = npt.NDArray[np.float64]

# Planted severities from where on a listener would call a recording's flaws "some", and "much".
SOME_PLANTED, MUCH_PLANTED = 0.15, 0.6
# A word is said where it is right with this chance; one that would be said of fewer recordings than this never is.
_SURE = 0.55
_FEWEST_CALLED = 15
_N_KNOTS = 12
# Above every severity that a scale can give: a word that is never said.
_NEVER = 100.0


@dataclass(frozen=True, kw_only=True)
class Told:
    """One version of an excerpt: what was told, and what was planted.

    Attributes
    ----------
    piece, excerpt : whose version it is; excerpts are numbered over all shards
    score : by the judge
    severity : planted, of all families together
    told, planted : (F, N) log(1 + severity) by the network, and severity, over the timeline
    """

    piece: str
    excerpt: int
    score: float
    severity: float
    told: Floats
    planted: Floats


def listen(judge: Judge, shards: Sequence[Shard]) -> list[Told]:
    """Run the judge over every version that is long enough."""
    found: list[Told] = []
    for shard in shards:
        first = 1 + max((each.excerpt for each in found), default=-1)
        found += _listen(judge, shard, first)
    return found


def halves(told: Iterable[Told]) -> tuple[list[Told], list[Told]]:
    """Versions to fit scales to, and versions of other pieces to measure with."""
    parts: tuple[list[Told], list[Told]] = ([], [])
    for each in told:
        parts[measures(each.piece)].append(each)
    return parts


def measures(piece: str) -> bool:
    """Whether a piece is of the half that scales are measured with; the same on every machine."""
    return hashlib.sha256(f"diagnosis {piece}".encode()).digest()[0] % 2 == 1


def fit(mixtures: Sequence[Told], apart: Sequence[Told] = ()) -> dict[str, FamilyScale]:
    """A scale for each family, in the order of FAMILIES.

    What a severity costs is the family's share of the score that versions of an excerpt lose with all they are told.

    The severity is what was planted on average where the network told so much, made monotone. A recording is called
    "some" or "much" from the severity on at which that is more likely right than not.

    Parameters
    ----------
    mixtures : versions with many families of flaws at once, as people have them; the words are fitted to these
    apart : versions with few; severities are fitted to both, for in mixtures nothing is as bad as what is bad alone
    """
    scales = [_fit_family(mixtures, apart, row) for row in range(len(FAMILIES))]
    lost = _score_lost(mixtures, scales)
    costs = [lost * float(share) for share in FAMILY_WEIGHTS]
    return {family: replace(scale, cost=cost) for family, scale, cost in zip(FAMILIES, scales, costs, strict=True)}


def recording_severities(told: Sequence[Told], scale: FamilyScale, row: int) -> Floats:
    """Mean severity over the timeline of each version, (V,), as the service tells it."""
    return np.array([scale.severity(each.told[row]).mean() for each in told])


def planted_severities(told: Sequence[Told], row: int) -> Floats:
    """The same as planted."""
    return np.array([each.planted[row].mean() for each in told])


def recovery(told: Sequence[Told], scales: dict[str, FamilyScale]) -> dict[str, float]:
    """Spearman's rank correlation of told and planted severity over recordings, for each family."""
    return {
        family: float(
            stats.spearmanr(
                recording_severities(told, scale, FAMILIES.index(family)),
                planted_severities(told, FAMILIES.index(family)),
            ).statistic
        )
        for family, scale in scales.items()
    }


def _listen(judge: Judge, shard: Shard, first_excerpt: int) -> Iterator[Told]:
    features = judge.manifest.features
    frames_per_label = round(LABEL_STEP_S * features.frames_per_s)
    for index, (frames, damage, _) in enumerate(snippets.versions(shard)):
        if len(frames) < judge.manifest.segments.snippet_frames(features):
            continue
        played = as_features(torch.from_numpy(frames.astype(np.float32)), features).numpy()
        heard = judge.hear_features(played, _unnamed(len(frames) / features.frames_per_s))
        planted = np.repeat(damage.astype(np.float64), frames_per_label, axis=0)[: len(frames)].T
        yield Told(
            piece=str(shard.pieces[index]),
            excerpt=first_excerpt + int(shard.excerpt[index]),
            score=heard.score,
            severity=float(shard.severity[index]),
            told=heard.on_timeline(heard.local_flaws),
            planted=heard.on_timeline(planted) / FAMILY_WEIGHTS[:, None],
        )


def _unnamed(duration_s: float) -> RecordingFacts:
    """Facts about features that never were a file."""
    return RecordingFacts(
        duration_s=duration_s, played_from_s=0.0, played_to_s=duration_s, codec="", sample_rate=0, channels=1
    )


def _fit_family(mixtures: Sequence[Told], apart: Sequence[Told], row: int) -> FamilyScale:
    both = [*mixtures, *apart]
    told_knots, severity_knots = _knots(
        np.concatenate([each.told[row] for each in both]), np.concatenate([each.planted[row] for each in both])
    )
    scale = FamilyScale(
        told_knots=told_knots, severity_knots=severity_knots, some_from=_NEVER, much_from=2 * _NEVER, cost=0.0
    )
    said, planted = recording_severities(mixtures, scale, row), planted_severities(mixtures, row)
    some_from = _least_sure(said, planted >= SOME_PLANTED)
    much_from = max(_least_sure(said, planted >= MUCH_PLANTED), 1.01 * some_from)
    return replace(scale, some_from=some_from, much_from=much_from)


def _score_lost(told: Sequence[Told], scales: Sequence[FamilyScale]) -> float:
    """What a version's score falls by with each unit of the severity told of it, against others of its excerpt."""
    excerpts = np.array([each.excerpt for each in told])
    said = np.array([recording_severities(told, scale, row) for row, scale in enumerate(scales)])
    severity = _against_siblings(FAMILY_WEIGHTS @ said, excerpts)
    score = _against_siblings(np.array([each.score for each in told]), excerpts)
    spread = float(severity @ severity)
    return max(0.0, -float(severity @ score) / spread) if spread > 0 else 0.0


def _against_siblings(values: Floats, excerpts: npt.NDArray[np.int64]) -> Floats:
    """Values less the mean of their excerpt's."""
    _, group = np.unique(excerpts, return_inverse=True)
    return np.asarray(values - (np.bincount(group, values) / np.bincount(group))[group])


def _knots(told: Floats, planted: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means of equally many stretches, the planted ones made never to fall (isotonic regression).

    Where the same is told throughout, the scale is flat.
    """
    parts = np.array_split(np.argsort(told, kind="stable"), min(_N_KNOTS, len(told)))
    x = np.array([told[part].mean() for part in parts])
    y = optimize.isotonic_regression([planted[part].mean() for part in parts]).x
    kept = np.append(True, np.diff(x) > 1e-9)
    if kept.sum() == 1:
        return (float(x[0]), float(x[0]) + 1.0), (float(planted.mean()),) * 2
    return tuple(x[kept].tolist()), tuple(y[kept].tolist())


def _least_sure(said: Floats, so: npt.NDArray[np.bool_]) -> float:
    """The least severity from where on a recording was planted so with a chance of _SURE or more."""
    order = np.argsort(said, kind="stable")
    chances = optimize.isotonic_regression(so[order].astype(float)).x
    sure = np.flatnonzero(chances >= _SURE)
    return max(float(said[order[sure[0]]]), 1e-3) if len(sure) >= _FEWEST_CALLED else _NEVER
