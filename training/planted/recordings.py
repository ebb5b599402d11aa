"""Recordings of pieces that no training heard, played with flaws that are known, for the judge to hear as files.

They are recorded as the ladder is, apart from the flaws.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pkai.hearing import Hearing
from training.ladder import excerpts
from training.ladder.excerpts import ExcerptConfig, Source
from training.ladder.skill_ladder import LABEL_STEP_S, Version
from training.music.performance import Performance
from training.people.playback import SAMPLE_RATE, wav_bytes
from training.sound import instruments, studio
from training.sound.rendering import Renderer

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A recording and what was planted in it.

    Attributes
    ----------
    sound : a WAV file
    damage : (F, n) of each family of FAMILIES in steps of LABEL_STEP_S, as `skill_ladder.Version` has it
    """

    sound: bytes
    damage: Floats

    def on_timeline(self, heard: Hearing) -> Floats:
        """Damage of each family where the judge heard it: (F, N)."""
        frames_s = heard.recording.played_from_s + np.arange(len(heard.features)) / heard.frames_per_s
        at = np.minimum((frames_s / LABEL_STEP_S).astype(int), self.damage.shape[1] - 1)
        return heard.on_timeline(self.damage[:, at])


class Studio:
    """Draws excerpts, and records how they were played.

    Parameters
    ----------
    sources : performances of pieces that no training heard
    cache : where sampled grands are kept
    lengths : of the excerpts
    rng : of everything drawn
    """

    def __init__(
        self, sources: tuple[Source, ...], cache: Path, lengths: ExcerptConfig, rng: np.random.Generator
    ) -> None:
        self._sources, self._lengths, self._rng = sources, lengths, rng
        self._pianos = instruments.for_training(cache)
        self._renderer = Renderer(SAMPLE_RATE)

    def excerpt(self) -> tuple[str, Performance]:
        """The name of a piece, and an excerpt of it."""
        return excerpts.draw_from(self._sources, self._lengths, self._rng)

    def record(self, version: Version) -> Planted:
        """A version on a piano, under conditions."""
        sound = studio.record(version.performance, self._pianos, self._renderer, self._rng)
        return Planted(sound=wav_bytes(sound, SAMPLE_RATE), damage=version.damage.astype(np.float64))
