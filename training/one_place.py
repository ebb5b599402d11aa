"""Recordings that are damaged in one place, and whether the judge finds them weakest there.

An excerpt of a piece that no training heard is played well but for one passage, rendered and recorded as the ladder is,
and heard by the judge as a file. Tempo is left alone, for a tempo that changes once is a choice.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pkai.scorer import Judge
from training import conditions, excerpts, instruments
from training.excerpts import ExcerptConfig, Source
from training.playback import SAMPLE_RATE, wav_bytes
from training.rendering import Renderer
from training.skill_ladder import LABEL_STEP_S, Flaws, degrade, draw_flaws

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


def found_shares(judge: Judge, sources: tuple[Source, ...], cache: Path, how: OnePlace) -> Floats:
    """Of each recording, the share of the planted damage that lies in the weakest third of its timeline, (n,)."""
    return np.array([_share(judge, sound, damage) for sound, damage in _recordings(sources, cache, how)])


def weakest_third(ratings: Floats) -> npt.NDArray[np.bool_]:
    """Which points of a timeline are its weakest third, as many as that is nearest to, at least one: (N,)."""
    chosen = np.zeros(len(ratings), bool)
    chosen[np.argsort(ratings, kind="stable")[: max(1, round(len(ratings) / 3))]] = True
    return chosen


def _share(judge: Judge, sound: bytes, damage: Floats) -> float:
    heard = judge.hear(io.BytesIO(sound))
    frames_s = heard.recording.played_from_s + np.arange(len(heard.features)) / heard.frames_per_s
    at = np.minimum((frames_s / LABEL_STEP_S).astype(int), len(damage) - 1)
    planted = heard.on_timeline(damage[at]) * np.diff(heard.edges)
    return float(planted[weakest_third(heard.on_timeline(heard.local_score))].sum() / planted.sum())


def _recordings(sources: tuple[Source, ...], cache: Path, how: OnePlace) -> Iterator[tuple[bytes, Floats]]:
    """WAV files, and the damage of all families together in steps of LABEL_STEP_S."""
    rng = np.random.default_rng([how.seed, how.n])
    pianos = instruments.for_training(cache)
    renderer = Renderer(SAMPLE_RATE)
    made = 0
    while made < how.n:
        _, excerpt = excerpts.draw_from(sources, _LENGTHS, rng)
        version = degrade(excerpt, _in_one_place(how, rng), rng)
        damage = version.damage.sum(axis=0).astype(np.float64)
        if damage.sum() == 0:  # rare events of which none happened
            continue
        sound = renderer.render(version.performance, pianos[rng.integers(len(pianos))])
        sound = conditions.record(sound, SAMPLE_RATE, conditions.draw(rng), rng)
        yield wav_bytes(sound, SAMPLE_RATE), damage
        made += 1


def _in_one_place(how: OnePlace, rng: np.random.Generator) -> Flaws:
    drawn = draw_flaws(float(rng.uniform(how.least, how.most)), rng)
    start = float(rng.uniform(0, 1 - how.width))
    return replace(drawn, amounts={**drawn.amounts, "tempo": 0.0}, focus=(start, start + how.width))
