"""What the judge tells of recordings in which one family of flaws was planted alone, in growing amounts.

Each excerpt of a piece that no training heard is played without flaws, and with each family alone, a few times. Each
time it is played in another manner and recorded elsewhere, as in the ladder, so that the flaw is all that they differ
by on the whole. Its complement are the ladder's mixtures, in which all families are damaged at once.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pkai.scorer import Judge
from training.fitting.snippets import FAMILY_WEIGHTS
from training.ladder import manner
from training.ladder.excerpts import ExcerptConfig, Source
from training.ladder.flaws import FAMILIES, KINDS, Flaws
from training.ladder.manner import MannerConfig
from training.ladder.shards import LadderConfig
from training.ladder.skill_ladder import Version, degrade
from training.music.performance import Performance
from training.planted.diagnose import Told
from training.planted.recordings import Planted, Studio

_LENGTHS = ExcerptConfig()
_LONGEST_S = LadderConfig().longest_s


@dataclass(frozen=True, kw_only=True)
class OneFamily:
    """How such recordings are made.

    Attributes
    ----------
    n_excerpts : each is recorded once without flaws and once for each family and amount
    amounts : of every kind of the family; 1 is a struggling learner
    seed : of everything drawn
    """

    n_excerpts: int = 12
    amounts: tuple[float, ...] = (0.375, 0.75, 1.125, 1.5)
    seed: int = 0

    @property
    def n(self) -> int:
        """Recordings."""
        return self.n_excerpts * (1 + len(FAMILIES) * len(self.amounts))


def listen(
    judges: Mapping[str, Judge], sources: tuple[Source, ...], cache: Path, how: OneFamily
) -> dict[str, dict[str, list[Told]]]:
    """What each judge tells, by judge and family; the flawless recordings belong to every family.

    Parameters
    ----------
    judges : by name; each recording is made once for all
    sources, cache : as `training.planted.recordings.Studio` takes them
    how : many and how much
    """
    told: dict[str, dict[str, list[Told]]] = {name: {family: [] for family in FAMILIES} for name in judges}
    for families, piece, excerpt, planted in tqdm(_recordings(sources, cache, how), total=how.n, unit="take"):
        for name, judge in judges.items():
            found = _told(judge, piece, excerpt, planted)
            for family in families:
                told[name][family].append(found)
    return told


def flaws_of(family: str, amount: float) -> Flaws:
    """Every kind of one family in the same amount, all over the excerpt, and nothing else."""
    return Flaws({name: amount if kind.family == family else 0.0 for name, kind in KINDS.items()})


def _recordings(
    sources: tuple[Source, ...], cache: Path, how: OneFamily
) -> Iterator[tuple[tuple[str, ...], str, int, Planted]]:
    """The families that a recording counts for, its piece, its excerpt, and itself."""
    rng = np.random.default_rng([how.seed, how.n_excerpts, 1])
    studio = Studio(sources, cache, _LENGTHS, rng)
    for number in range(how.n_excerpts):
        piece, excerpt = studio.excerpt()
        yield FAMILIES, piece, number, studio.record(_played(excerpt, flaws_of(FAMILIES[0], 0.0), rng))
        for family in FAMILIES:
            for amount in how.amounts:
                yield (family,), piece, number, studio.record(_played(excerpt, flaws_of(family, amount), rng))


def _played(excerpt: Performance, flaws: Flaws, rng: np.random.Generator) -> Version:
    """In a manner of its own, and no longer than the ladder's versions."""
    return degrade(manner.played(excerpt, manner.draw(MannerConfig(), rng)), flaws, rng).until(_LONGEST_S)


def _told(judge: Judge, piece: str, excerpt: int, planted: Planted) -> Told:
    heard = judge.hear(io.BytesIO(planted.sound))
    damage = planted.on_timeline(heard)
    return Told(
        piece=piece,
        excerpt=excerpt,
        score=heard.score,
        severity=float(damage.sum(axis=0).mean()),
        told=heard.on_timeline(heard.local_flaws),
        planted=damage / FAMILY_WEIGHTS[:, None],
    )
