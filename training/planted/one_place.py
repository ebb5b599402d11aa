"""Recordings that are damaged in one place, and whether the judge finds them weakest there.

An excerpt of a piece that no training heard is played well but for one passage, rendered and recorded as the ladder is,
and heard by the judge as a file. Tempo is left alone, for a tempo that changes once is a choice.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pkai.hearing import Hearing
from pkai.scorer import Judge
from training.ladder.excerpts import ExcerptConfig, Source
from training.ladder.flaws import Flaws, draw_flaws
from training.ladder.skill_ladder import degrade
from training.planted.recordings import Planted, Studio

Floats = npt.NDArray[np.float64]
_LENGTHS = ExcerptConfig(shortest_s=40.0, longest_s=55.0)


@dataclass(frozen=True, kw_only=True)
class OnePlace:
    """How recordings damaged in one place are made.

    Attributes
    ----------
    n : recordings
    width : of the damaged passage, share of the excerpt
    least, most : severity in that passage
    seed : of everything drawn
    """

    n: int = 40
    width: float = 0.25
    least: float = 0.6
    most: float = 1.0
    seed: int = 0


def found_shares(
    judges: Mapping[str, Judge], sources: tuple[Source, ...], cache: Path, how: OnePlace
) -> dict[str, Floats]:
    """Of each recording, the share of the planted damage that lies in the weakest third of its timeline, (n,).

    Parameters
    ----------
    judges : by name; each recording is made once for all
    sources, cache : as `training.planted.recordings.Studio` takes them
    how : many and how much
    """
    shares: dict[str, list[float]] = {name: [] for name in judges}
    for planted in tqdm(_recordings(sources, cache, how), total=how.n, unit="take"):
        for name, judge in judges.items():
            shares[name].append(_share(judge, planted))
    return {name: np.array(found) for name, found in shares.items()}


def weakest_third(ratings: Floats) -> npt.NDArray[np.bool_]:
    """Which points of a timeline are its weakest third, as many as that is nearest to, at least one: (N,)."""
    chosen = np.zeros(len(ratings), bool)
    chosen[np.argsort(ratings, kind="stable")[: max(1, round(len(ratings) / 3))]] = True
    return chosen


def share_in_weakest_third(heard: Hearing, damage: Floats) -> float:
    """Share of the damage in each stretch of a timeline, (N,), that lies in its weakest third."""
    return float(damage[weakest_third(heard.on_timeline(heard.local_score))].sum() / damage.sum())


def _share(judge: Judge, planted: Planted) -> float:
    heard = judge.hear(io.BytesIO(planted.sound))
    return share_in_weakest_third(heard, planted.on_timeline(heard).sum(axis=0) * np.diff(heard.edges))


def _recordings(sources: tuple[Source, ...], cache: Path, how: OnePlace) -> Iterator[Planted]:
    rng = np.random.default_rng([how.seed, how.n])
    studio = Studio(sources, cache, _LENGTHS, rng)
    made = 0
    while made < how.n:
        _, excerpt = studio.excerpt()
        version = degrade(excerpt, _in_one_place(how, rng), rng)
        if not version.damage.any():  # rare events of which none happened
            continue
        yield studio.record(version)
        made += 1


def _in_one_place(how: OnePlace, rng: np.random.Generator) -> Flaws:
    drawn = draw_flaws(float(rng.uniform(how.least, how.most)), rng)
    start = float(rng.uniform(0, 1 - how.width))
    return replace(drawn, amounts={**drawn.amounts, "tempo": 0.0}, focus=(start, start + how.width))
