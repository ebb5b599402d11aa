"""How often the piece of a recording is recognised, and how often one is heard that was not played.

What is recognised are our own scores, played anew by the ladder at every level, whole and in parts, faster and slower,
on any piano and under any conditions; what must not be are performances of other music, recorded alike.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkai.audio import Waveform
from pkai.chroma import Listener
from pkai.features import FeatureConfig
from pkai.recognition import Recognition, recognise
from pkai.references import Reference
from training.ladder.flaws import KINDS, Flaws
from training.ladder.skill_ladder import degrade
from training.music.expression import perform
from training.music.performance import Performance, read_midi
from training.music.score import SCORES, Score, read_score
from training.sound import conditions
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

SHORT_S = 13.0
OTHER_S = 40.0
# From a beginner to an expert, with every kind of flaw alike.
_SEVERITIES = (1.1, 0.85, 0.6, 0.3, 0.0)
_SAMPLE_RATE = FeatureConfig().sample_rate
_SHARE_OF_PHONES = 0.4
_BLOCK = 4096


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One recording: the piece that was played, or none of ours, what was done to it, and what was heard."""

    piece: str | None
    kind: str
    heard: Recognition


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Trials of one kind.

    Attributes
    ----------
    right : recognised as what they are, or as unknown where they are none of ours
    wrong : recognised as a piece that was not played
    """

    kind: str
    n: int
    right: int
    wrong: int


def trials(
    references: Sequence[Reference], pianos: Sequence[Instrument], others: Sequence[Path], *, n_others: int, seed: int
) -> Iterator[Trial]:
    """Play, record and recognise, one after the other.

    Parameters
    ----------
    references : with chroma
    pianos : to draw from
    others : folders of MIDI files, none of a reference's piece
    n_others : of each folder
    seed : the same gives the same recordings
    """
    rng = np.random.default_rng(seed)
    renderer = Renderer(_SAMPLE_RATE)
    for piece, kind, performance, cents in [*_ours(rng), *_others(others, n_others, rng)]:
        recorded = conditions.PHONE if rng.random() < _SHARE_OF_PHONES else conditions.draw(rng)
        piano = pianos[int(rng.integers(len(pianos)))]
        sound = renderer.render(performance, piano, tuning_cents=cents)
        sound = conditions.record(sound, _SAMPLE_RATE, dataclasses.replace(recorded, codec=""), rng)
        yield Trial(piece=piece, kind=kind, heard=_recognised(sound, references))


def tallies(done: Sequence[Trial]) -> list[Tally]:
    """Count by kind, in the order in which the kinds came."""
    found = []
    for kind in dict.fromkeys(trial.kind for trial in done):
        named = [
            (trial.piece, trial.heard.piece if trial.heard.is_sure else None) for trial in done if trial.kind == kind
        ]
        right = sum(played == heard for played, heard in named)
        wrong = sum(heard not in (None, played) for played, heard in named)
        found.append(Tally(kind=kind, n=len(named), right=right, wrong=wrong))
    return found


def _ours(rng: np.random.Generator) -> Iterator[tuple[str, str, Performance, float]]:
    for path in sorted(SCORES.glob("*.txt")):
        score = read_score(path)
        for severity in _SEVERITIES:
            played = _played(score, severity, rng)
            length_s = played.duration_s
            from_s = float(rng.uniform(0, max(0.0, length_s - SHORT_S)))
            factor = float(np.exp(rng.uniform(np.log(0.65), np.log(1.6))))
            yield score.piece, "whole", played, 0.0
            yield score.piece, "first half", played.excerpt(0, length_s / 2), 0.0
            yield score.piece, "second half", played.excerpt(length_s / 2, length_s), 0.0
            yield score.piece, f"{SHORT_S:.0f} s", played.excerpt(from_s, from_s + SHORT_S), 0.0
            yield score.piece, "0.65 to 1.6 times as long", played.stretched(factor), 0.0
            yield score.piece, "up to 35 cents out of tune", played, float(rng.uniform(-35, 35))


def _played(score: Score, severity: float, rng: np.random.Generator) -> Performance:
    flaws = Flaws(dict.fromkeys(KINDS, severity))
    return degrade(perform(score, rng=rng), flaws, rng).performance


def _others(
    folders: Sequence[Path], n: int, rng: np.random.Generator
) -> Iterator[tuple[None, str, Performance, float]]:
    for folder in folders:
        files = [path for path in sorted(folder.rglob("*.mid")) if "score" not in path.name]
        for index in rng.permutation(len(files))[:n]:
            performance = read_midi(files[index])
            from_s = float(rng.uniform(0, max(0.0, performance.duration_s - OTHER_S)))
            yield None, f"other music, {folder.name}", performance.excerpt(from_s, from_s + OTHER_S), 0.0


def _recognised(sound: Waveform, references: Sequence[Reference]) -> Recognition:
    listener = Listener(FeatureConfig())
    for _ in listener.passing(sound[start : start + _BLOCK] for start in range(0, len(sound), _BLOCK)):
        pass
    return recognise(listener.loudness(), references)
