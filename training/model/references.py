"""The reference performances: our own scores, played by our own ladder from beginner to expert, and scored.

Only their scores and their chroma are kept, so that a comparison costs nothing and no recording needs to be given away.
"""

import io
from pathlib import Path

import numpy as np

from pkai import chroma, references
from pkai.audio import Waveform
from pkai.hearing import Hearing
from pkai.references import Reference
from pkai.scorer import Judge
from training.durable import replace_bytes
from training.model.repertoire import play
from training.music.score import SCORES, Score, read_score
from training.people.playback import wav_bytes
from training.sound import conditions
from training.sound.conditions import Conditions
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

# Level -> severity on the skill ladder, with every kind of flaw alike.
SEVERITIES = {"beginner": 1.1, "early-intermediate": 0.85, "intermediate": 0.6, "advanced": 0.3, "expert": 0.0}
# A living room and a decent microphone, the same for all.
_ROOM = Conditions(reverb_s=0.5, reverb_share=0.15, low_cut_hz=60.0, high_cut_hz=12_000.0, noise_db=50.0)
_SAMPLE_RATE = 44_100
_TAKES = 4
_SEED = 1000


def build(model_root: Path, models: list[str], piano: Instrument) -> tuple[Reference, ...]:
    """Play every score at every level, let every model score it, and write `references/references.json`.

    A reference's score is the mean over several takes, for a single take's stumbles fall by chance. Its chroma is that
    of the score played without flaws and without the room: what the piece is is asked, and not how or where it was
    played, and beginners' takes may break off after a phrase.

    Parameters
    ----------
    model_root : usually `model/`
    models : names of its models
    piano : to play on
    """
    path = model_root / "references" / "references.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        replace_bytes(path, b"[]\n")
    judges = [Judge.load(model_root, name) for name in models]
    renderer = Renderer(_SAMPLE_RATE)
    made = []
    for file in sorted(SCORES.glob("*.txt")):
        score = read_score(file)
        as_written = renderer.render(play(score, 0.0, seed=_SEED), piano)
        sounds_like = _chroma(judges[0].hear(_file(as_written), with_chroma=True))
        made += [
            _reference(score, level, severity, judges, renderer, piano, sounds_like)
            for level, severity in SEVERITIES.items()
        ]
    replace_bytes(path, references.document(made))
    return tuple(made)


def _reference(
    score: Score,
    level: str,
    severity: float,
    judges: list[Judge],
    renderer: Renderer,
    piano: Instrument,
    sounds_like: str,
) -> Reference:
    takes = []
    for take in range(_TAKES):
        sound = renderer.render(play(score, severity, seed=_SEED + take), piano)
        takes.append(conditions.record(sound, _SAMPLE_RATE, _ROOM, np.random.default_rng(take)))
    hearings = [[judge.hear(_file(sound)) for sound in takes] for judge in judges]
    return Reference(
        name=f"{score.piece}-{level}",
        title=f"{score.title}, {level}",
        piece=score.piece,
        level=level,
        scores={
            judge.manifest.sha256: round(float(np.mean([hearing.score for hearing in heard])), 4)
            for judge, heard in zip(judges, hearings, strict=True)
        },
        chroma=sounds_like,
    )


def _file(sound: Waveform) -> io.BytesIO:
    return io.BytesIO(wav_bytes(sound, _SAMPLE_RATE))


def _chroma(hearing: Hearing) -> str:
    assert hearing.chroma is not None  # noqa: S101  # it was asked for
    return chroma.pack(hearing.chroma)
