"""Real recordings made worse in one passage, and whether the judge finds them weakest there.

As `training.planted.one_place` asks of the skill ladder, here of sound that no MIDI and no sound font is part of. A
recording has weak passages of its own, nobody knows where: so the passage that was made worse cannot always be the
weakest.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pkai import audio
from pkai.audio import Waveform
from pkai.hearing import Floats, Hearing
from pkai.scorer import Judge
from training.evaluation import worsened
from training.evaluation.worsened import KINDS, SAMPLE_RATE, Case
from training.planted.ladder_figures import FOUND_SHARE
from training.planted.one_place import OnePlace, share_in_weakest_third

# As long as the ladder's recordings that are damaged in one place, and as large a part of them.
_LONGEST_S = 48.0
_SHARE = OnePlace().width
# In a quarter of less there is no onset to disturb.
_SHORTEST_S = 30.0
# Nothing is damaged so near to the ends, where recordings fade.
_MARGIN_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Place(Case):
    """One made worse in one passage.

    Attributes
    ----------
    share : of the passage's time that lies in the weakest third of the timeline
    """

    share: float

    @property
    def right(self) -> bool:
        """Whether the passage was found."""
        return self.share >= FOUND_SHARE


def places(judges: Mapping[str, Judge], files: list[Path], *, n_seeds: int) -> dict[str, list[Place]]:
    """A passage of every recording made worse in every way, with every seed: judge -> places.

    Parameters
    ----------
    judges : by name
    files : recordings that the service can hear
    n_seeds : passages for each kind

    Raises
    ------
    ValueError
        If a recording is too short.
    """
    found: dict[str, list[Place]] = {name: [] for name in judges}
    sounds = {file: audio.decode(file, sample_rate=SAMPLE_RATE) for file in files}
    for file, sound in sounds.items():
        if len(sound) < _SHORTEST_S * SAMPLE_RATE:
            raise ValueError(
                f"{file.name} is {len(sound) / SAMPLE_RATE:.0f} s long; for a passage to be made worse, it must be "
                f"{_SHORTEST_S:.0f} s or more"
            )
    for file, kind, seed in tqdm(worsened.jobs(files, n_seeds), desc="made worse in one place", unit="case"):
        sound, span_s = in_one_place(sounds[file], kind, np.random.default_rng([seed, list(KINDS).index(kind), 1]))
        recording = worsened.as_file(sound)
        for name, judge in judges.items():
            heard = judge.hear(io.BytesIO(recording))
            share = share_in_weakest_third(heard, _within_s(heard, span_s))
            found[name].append(Place(recording=file.name, kind=kind, seed=seed, share=share))
    return found


def in_one_place(sound: Waveform, kind: str, rng: np.random.Generator) -> tuple[Waveform, tuple[float, float]]:
    """An excerpt of a recording, a quarter of it made worse, and from when to when that is, in seconds.

    Parameters
    ----------
    sound : (n,) at SAMPLE_RATE
    kind : of KINDS
    rng : random numbers
    """
    n = min(len(sound), round(_LONGEST_S * SAMPLE_RATE))
    start = int(rng.integers(len(sound) - n + 1))
    excerpt, width, margin = sound[start : start + n], round(_SHARE * n), round(_MARGIN_S * SAMPLE_RATE)
    first = int(rng.integers(margin, n - width - margin))
    worse = KINDS[kind](excerpt[first : first + width], rng)
    made = worsened.joined(worsened.joined(excerpt[:first], worse), excerpt[first + width :])
    return made, (first / SAMPLE_RATE, (first + len(worse)) / SAMPLE_RATE)


def _within_s(heard: Hearing, span_s: tuple[float, float]) -> Floats:
    """How much of the time from when to when lies in each stretch of the timeline, (N,)."""
    edges_s = heard.recording.played_from_s + heard.edges / heard.frames_per_s
    both = np.minimum(edges_s[1:], span_s[1]) - np.maximum(edges_s[:-1], span_s[0])
    return np.asarray(np.maximum(both, 0.0))
