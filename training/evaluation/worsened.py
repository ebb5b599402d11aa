"""Real recordings made worse in the audio itself: the one test of the judge that no MIDI and no sound font is part of.

Pauses are cut in before onsets; speed is made uneven by stretching short chunks of it, pitch kept (librosa's phase
vocoder), with cross-fades; passages are repeated without a stop. All that is drawn comes from a seed.

Differences: a person who hesitates damps or holds the sound; here it fades away in some tens of milliseconds. The phase
vocoder blurs attacks a little by itself, which may help the judge to find the uneven ones.
"""

import io
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pkai import audio
from pkai.audio import Waveform
from training.evaluation.consensus import Scorer
from training.people.playback import heard, wav_bytes

# That of the front end: more would cost time and be thrown away.
SAMPLE_RATE = 22_050
_FADE_S = 0.03

# One disturbance in so many seconds, as a struggling learner has them.
_EVERY_S = 8.0
_PAUSE_S = (0.4, 1.4)
_BACK_S = (0.8, 2.5)
# Log speed of chunks follows an AR(1) process, as the ladder's local unevenness does.
_CHUNK_S = 0.7
_SPEED_SD, _SPEED_RHO = 0.2, 0.6
# Samples; less than that, at the end, is left out.
_VOCODER_WINDOW = 2048


@dataclass(frozen=True, kw_only=True)
class Case(ABC):
    """One recording made worse, and what the judge made of it.

    Attributes
    ----------
    recording : name of the file
    kind : of damage
    seed : of what was drawn
    """

    recording: str
    kind: str
    seed: int

    @property
    @abstractmethod
    def right(self) -> bool:
        """Whether the judge told it."""


@dataclass(frozen=True, kw_only=True)
class Drop(Case):
    """One made worse all over.

    Attributes
    ----------
    drop : score of the original less that of the worse one, by the judge
    """

    drop: float

    @property
    def right(self) -> bool:
        """Whether the worse one scored lower."""
        return self.drop > 0


def with_pauses(sound: Waveform, rng: np.random.Generator) -> Waveform:
    """Silence of 0.4 to 1.4 s before some onsets: (n,) -> (longer,)."""
    places = _places(sound, rng)
    parts = np.split(sound, places)
    made = [parts[0]]
    for part in parts[1:]:
        silence = np.zeros(round(rng.uniform(*_PAUSE_S) * SAMPLE_RATE), np.float32)
        made += [silence, part]
    return np.concatenate([_faded(part) for part in made])


def with_uneven_speed(sound: Waveform, rng: np.random.Generator) -> Waveform:
    """Speed that wanders by 20 %, pitch kept: (n,) -> (about n,)."""
    n_chunk, n_fade = round(_CHUNK_S * SAMPLE_RATE), round(_FADE_S * SAMPLE_RATE)
    log_speed, made = 0.0, np.zeros(n_fade, np.float32)
    for start in range(0, len(sound), n_chunk):
        step = _SPEED_SD * np.sqrt(1 - _SPEED_RHO**2) * rng.standard_normal()
        log_speed = _SPEED_RHO * log_speed + step
        chunk = sound[start : start + n_chunk + n_fade]
        if len(chunk) < _VOCODER_WINDOW:
            break
        # A little more than asked for is cross-faded into the next chunk.
        stretched = librosa.effects.time_stretch(chunk, rate=float(np.exp(log_speed)))
        made = joined(made, np.asarray(stretched, np.float32))
    return made


def with_repeats(sound: Waveform, rng: np.random.Generator) -> Waveform:
    """Now and then 0.8 to 2.5 s are played again without a stop: (n,) -> (longer,)."""
    edges = [0, *_places(sound, rng).tolist(), len(sound)]
    made = sound[: edges[1]]
    for start, stop in itertools.pairwise(edges[1:]):
        back = round(rng.uniform(*_BACK_S) * SAMPLE_RATE)
        made = joined(made, sound[max(0, start - back) : stop])
    return made


def with_all(sound: Waveform, rng: np.random.Generator) -> Waveform:
    """Repeats, then uneven speed, then pauses."""
    return with_pauses(with_uneven_speed(with_repeats(sound, rng), rng), rng)


KINDS: Mapping[str, Callable[[Waveform, np.random.Generator], Waveform]] = {
    "pauses": with_pauses,
    "uneven speed": with_uneven_speed,
    "repeats": with_repeats,
    "all of it": with_all,
}


def joined(first: Waveform, second: Waveform) -> Waveform:
    """One after the other, the end of the first cross-faded into the start of the second."""
    n = min(round(_FADE_S * SAMPLE_RATE), len(first), len(second))
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    blend = first[len(first) - n :] * (1 - ramp) + second[:n] * ramp
    return np.concatenate([first[: len(first) - n], blend, second[n:]])


def cases(scorers: Mapping[str, Scorer], files: list[Path], *, n_seeds: int) -> dict[str, list[Drop]]:
    """Every recording made worse in every way, with every seed: scorer -> cases.

    Parameters
    ----------
    scorers : label -> judge
    files : recordings that the service can hear
    n_seeds : versions of each kind
    """
    found: dict[str, list[Drop]] = {label: [] for label in scorers}
    sounds = {file: audio.decode(file, sample_rate=SAMPLE_RATE) for file in files}
    before = {file: _scores(scorers, sound) for file, sound in sounds.items()}
    for file, kind, seed in tqdm(jobs(files, n_seeds), desc="made worse", unit="case"):
        rng = np.random.default_rng([seed, list(KINDS).index(kind)])
        after = _scores(scorers, KINDS[kind](sounds[file], rng))
        for label in scorers:
            drop = before[file][label] - after[label]
            found[label].append(Drop(recording=file.name, kind=kind, seed=seed, drop=drop))
    return found


def jobs(files: list[Path], n_seeds: int) -> list[tuple[Path, str, int]]:
    """Every recording with every kind of damage and every seed."""
    return [(file, kind, seed) for file in files for kind in KINDS for seed in range(n_seeds)]


def as_file(sound: Waveform) -> bytes:
    """A WAV file of a sound at SAMPLE_RATE, softer where it would clip."""
    return wav_bytes(sound / max(1.0, float(np.abs(sound).max())), SAMPLE_RATE)


def counted(found: Sequence[Case]) -> dict[str, int]:
    """How many of the cases the judge told, and of how many."""
    return {"right": sum(case.right for case in found), "n": len(found)}


def _scores(scorers: Mapping[str, Scorer], sound: Waveform) -> dict[str, float]:
    """Scores by each, as the service would hear the sound from a file."""
    file = as_file(sound)
    configs = {scorer.features for scorer in scorers.values()}
    features = {config: heard(io.BytesIO(file), config) for config in configs}
    return {label: scorer.score(features[scorer.features]) for label, scorer in scorers.items()}


def _places(sound: Waveform, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Onsets to disturb, in samples, ascending: one in _EVERY_S seconds on average, none at the very start or end."""
    onsets = librosa.onset.onset_detect(y=sound, sr=SAMPLE_RATE, units="samples", backtrack=True)
    margin = round(_BACK_S[1] * SAMPLE_RATE)
    inside = onsets[(onsets > margin) & (onsets < len(sound) - margin)]
    n = min(len(inside), max(1, round(len(sound) / SAMPLE_RATE / _EVERY_S)))
    return np.sort(rng.choice(inside, n, replace=False)).astype(np.int64)


def _faded(part: Waveform) -> Waveform:
    """The same with soft ends."""
    n = min(round(_FADE_S * SAMPLE_RATE), len(part) // 2)
    made = part.copy()
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    made[:n] *= ramp
    made[len(made) - n :] *= ramp[::-1]
    return made
