"""The reference performances: our own scores, played by our own ladder from beginner to expert, and scored.

A level means one thing everywhere: what the judge's rating says. How many flaws make a beginner of an expert depends on
the piece, so each score is played with more and more of them, and a level's reference is the take whose rating lies
nearest to the middle of that level. Only scores and chroma are kept: a comparison costs nothing, and no recording needs
to be given away.
"""

import io
import itertools
import math
from contextlib import suppress
from pathlib import Path

import numpy as np

from pkai import chroma, references
from pkai.audio import Waveform
from pkai.calibration import LEVELS
from pkai.durable import replace_bytes
from pkai.errors import RecordingTooShort
from pkai.hearing import Hearing
from pkai.references import Reference
from pkai.scorer import Judge
from training.model.repertoire import NoPhraseFits, play
from training.music.score import SCORES, Score, read_score
from training.people.playback import wav_bytes
from training.sound import conditions
from training.sound.conditions import Conditions
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

# A living room and a decent microphone, the same for all.
_ROOM = Conditions(reverb_s=0.5, reverb_share=0.15, low_cut_hz=60.0, high_cut_hz=12_000.0, noise_db=50.0)
_SAMPLE_RATE = 44_100
# Severities on the skill ladder, with every kind of flaw alike; some pieces sound well even beyond its worst.
_SEVERITIES = tuple(0.2 * step for step in range(1, 13))
_TAKES = 4
_SEED = 1000

Scores = tuple[float, ...]  # of one take, by each judge


def build(model_root: Path, models: list[str], piano: Instrument) -> tuple[Reference, ...]:
    """Play every score, let every model rate it, and write `references/references.json`.

    The expert plays without flaws. Chroma is that of the score played so and without the room: what the piece is is
    asked, and not how or where it was played, and beginners' takes may break off after a phrase.

    Parameters
    ----------
    model_root : usually `model/`
    models : names of its models; where they rate differently, a level's take is the nearest for all of them
    piano : to play on
    """
    path = model_root / "references" / "references.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        replace_bytes(path, b"[]\n")
    judges = [Judge.load(model_root, name) for name in models]
    renderer = Renderer(_SAMPLE_RATE)
    made: list[Reference] = []
    for file in sorted(SCORES.glob("*.txt")):
        score = read_score(file)
        as_written = renderer.render(play(score, 0.0, seed=_SEED), piano)
        sounds_like = _chroma(judges[0].hear(_file(as_written), with_chroma=True))
        takes = _by_level(_flawed(score, judges, renderer, piano), judges)
        takes[LEVELS[-1]] = _scores(as_written, judges, seed=_SEED)
        made += [
            Reference(
                name=f"{score.piece}-{level}",
                title=f"{score.title}, {level}",
                piece=score.piece,
                level=level,
                scores={judge.manifest.sha256: round(found, 4) for judge, found in zip(judges, scores, strict=True)},
                chroma=sounds_like,
            )
            for level, scores in takes.items()
        ]
    replace_bytes(path, references.document(made))
    return tuple(made)


def _flawed(score: Score, judges: list[Judge], renderer: Renderer, piano: Instrument) -> list[Scores]:
    """Several takes at each severity, but for those that are too slow to play or too short to judge."""
    takes = []
    for severity, seed in itertools.product(_SEVERITIES, range(_SEED, _SEED + _TAKES)):
        with suppress(NoPhraseFits, RecordingTooShort):
            sound = renderer.render(play(score, severity, seed=seed), piano)
            takes.append(_scores(sound, judges, seed=seed))
    return takes


def _scores(sound: Waveform, judges: list[Judge], *, seed: int) -> Scores:
    """What the judges hear of a take in the room."""
    recorded = conditions.record(sound, _SAMPLE_RATE, _ROOM, np.random.default_rng(seed))
    return tuple(judge.hear(_file(recorded)).score for judge in judges)


def _by_level(takes: list[Scores], judges: list[Judge]) -> dict[str, Scores]:
    """For every level but the last the take that is rated nearest to its middle, none twice."""
    calibrations = [judge.manifest.calibration for judge in judges]

    def ratings(take: Scores) -> list[float]:
        return [calibration.rating(score) for calibration, score in zip(calibrations, take, strict=True)]

    left = list(takes)
    chosen = {}
    for index, level in enumerate(LEVELS[:-1]):
        edges = [(0.0, *calibration.level_ratings)[index : index + 2] for calibration in calibrations]
        middles = [sum(pair) / 2 for pair in edges]
        chosen[level] = min(left, key=lambda take: math.dist(ratings(take), middles))
        left.remove(chosen[level])
    return chosen


def _file(sound: Waveform) -> io.BytesIO:
    return io.BytesIO(wav_bytes(sound, _SAMPLE_RATE))


def _chroma(hearing: Hearing) -> str:
    assert hearing.chroma is not None  # noqa: S101  # it was asked for
    return chroma.pack(hearing.chroma)
