"""Chroma of a recording, by which its piece is recognised: how loud each of the twelve pitch classes is, over time.

Frames equal `librosa.feature.chroma_stft` (untuned, not normalised); a test holds them to it. They are made while the
recording is decoded, for the mel front end reads the same blocks: nothing is decoded twice, and memory stays flat.
"""

import base64
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from pkai.audio import Waveform
from pkai.features import FeatureConfig, loud
from pkai.rows import Rows
from pkai.spectra import Power, PowerSpectra

Chroma = npt.NDArray[np.float32]

N_CLASSES = 12
# Relative to the mel front end's: twice its window tells semitones apart from C3 upwards, and a tenth of a second is
# as often as harmony is looked at.
WINDOWS = 2
HOPS = 5
# Frames that make one step of what is kept and matched: 0.3 s, in which a beginner and an expert play much the same.
FRAMES_PER_STEP = 3
# Few enough that OpenBLAS does not call its threads; see `features`.
_FRAMES_PER_PRODUCT = 8
# Three minutes' worth.
_ROWS_TO_BEGIN_WITH = 1800
_LEVELS = 15
# Down to a hundredth of the loud frames' power, what is heard falls with its logarithm, below with itself.
_COMPRESSION = 100.0
# Heard most is A5, librosa's centre, and half as much two and a third octaves away from it.
_CENTRE_OCTAVE = 5.0
_OCTAVES_AROUND = 2.0


class Listener:
    """Takes chroma of blocks that go by on their way elsewhere.

    Parameters
    ----------
    config : of the mel front end; its sample rate, window and hop are built upon
    """

    def __init__(self, config: FeatureConfig) -> None:
        n_fft = WINDOWS * config.n_fft
        self._spectra = PowerSpectra(n_fft, HOPS * config.hop_length)
        self._filters = np.ascontiguousarray(filterbank(config.sample_rate, n_fft).T)
        self._heard = Rows(N_CLASSES, room=_ROWS_TO_BEGIN_WITH)

    def passing(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        """Hand on each block as it is, and hear it."""
        for block in blocks:
            self._hear(self._spectra.pass_by(block))
            yield block
        self._hear(self._spectra.rest())

    def frames(self) -> Chroma:
        """What was heard so far: (T, 12) power, C first, T = 1 + n_samples // hop once all blocks have passed."""
        return self._heard.array().copy()  # more may be heard while this is in use

    def loudness(self) -> Chroma:
        """What was heard so far, in steps; see `loudness`."""
        return loudness(self.frames())

    def _hear(self, spectra: Iterable[Power]) -> None:
        for power in spectra:
            for first in range(0, len(power), _FRAMES_PER_PRODUCT):
                self._heard.append(power[first : first + _FRAMES_PER_PRODUCT] @ self._filters)


def loudness(frames: Chroma) -> Chroma:
    """How loud each pitch class is heard in each step of 0.3 s.

    Parameters
    ----------
    frames : (T, 12) power, as `Listener.frames` gives it

    Returns
    -------
    (T // 3, 12) 0..1, on a logarithmic scale below the recording's own loud frames, so that gain cancels out
    """
    n_steps = len(frames) // FRAMES_PER_STEP
    if n_steps == 0:
        return np.empty((0, N_CLASSES), np.float32)
    power = frames[: n_steps * FRAMES_PER_STEP].reshape(n_steps, FRAMES_PER_STEP, N_CLASSES).mean(axis=1)
    heard = np.log1p(_COMPRESSION * (power / (loud(power.sum(axis=1)) / N_CLASSES)))
    return cast(Chroma, heard / max(float(heard.max()), 1e-6))


def pack(steps: Chroma) -> str:
    """Loudness as text to keep beside a reference: four bits a class, 20 characters a second.

    Parameters
    ----------
    steps : (S, 12), as `loudness` gives it
    """
    levels = np.round(steps * _LEVELS).astype(np.uint8)
    return base64.b64encode((levels[:, ::2] << 4 | levels[:, 1::2]).tobytes()).decode()


def unpack(text: str) -> Chroma:
    """Loudness that `pack` wrote: (S, 12) 0..1, in fifteenths.

    Raises
    ------
    ValueError
        If the text is none of `pack`'s.
    """
    pairs = np.frombuffer(base64.b64decode(text, validate=True), np.uint8).reshape(-1, N_CLASSES // 2)
    levels = np.stack((pairs >> 4, pairs & _LEVELS), axis=2).reshape(-1, N_CLASSES)
    return cast(Chroma, levels.astype(np.float32) / _LEVELS)


@lru_cache(maxsize=2)
def filterbank(sample_rate: int, n_fft: int) -> npt.NDArray[np.float32]:
    """How much each bin of a spectrum says about each pitch class.

    A bin leans towards the classes near it as a Gaussian does, one semitone wide or, where bins are wider, one bin.

    Returns
    -------
    (12, 1 + n_fft / 2) float32, C first; as `librosa.filters.chroma` without tuning

    References
    ----------
    Ellis, Chroma feature analysis and synthesis, LabROSA, Columbia University, 2007.
    """
    bins_hz = np.arange(1, n_fft) * (sample_rate / n_fft)
    octaves = np.log2(bins_hz / (440.0 / 16))  # above A0
    semitones = N_CLASSES * octaves
    # The bin at 0 Hz has no pitch; it is put an octave and a half below the first, where hardly anything is heard.
    semitones = np.concatenate(([semitones[0] - 1.5 * N_CLASSES], semitones))
    widths = np.concatenate((np.maximum(np.diff(semitones), 1.0), [1.0]))
    apart = semitones[None, :] - np.arange(N_CLASSES)[:, None]
    away = (apart + N_CLASSES / 2 + 10 * N_CLASSES) % N_CLASSES - N_CLASSES / 2
    weights = np.exp(-0.5 * (2 * away / widths) ** 2)
    weights /= np.linalg.norm(weights, axis=0, keepdims=True)
    weights *= np.exp(-0.5 * ((semitones / N_CLASSES - _CENTRE_OCTAVE) / _OCTAVES_AROUND) ** 2)
    from_c = np.roll(weights, -3, axis=0)  # the rows began at A
    return cast(npt.NDArray[np.float32], from_c[:, : 1 + n_fft // 2].astype(np.float32))
