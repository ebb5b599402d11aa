"""Power spectra of a waveform that arrives in blocks: what mel frames and chroma are both made of.

Each frame depends on its own samples alone, so block sizes are of no matter. Frames are computed in batches whose
arrays are made once and stay in a core's cache, many batches in a row: decoding in between would drive them out.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from pkai.audio import Waveform

Power = npt.NDArray[np.float32]

# Samples windowed at once: 0.25 MB, and as much for their spectra.
_SAMPLES_PER_BATCH = 65_536
# Gathered first, about so many samples: twenty seconds, 1.8 MB.
_SAMPLES_IN_A_ROW = 441_000


class PowerSpectra:
    """Windowed power spectra of one waveform, centred and zero padded as librosa's.

    Parameters
    ----------
    n_fft : samples in a window, which is Hann's
    hop_length : samples between frames, at most `n_fft`
    """

    def __init__(self, n_fft: int, hop_length: int) -> None:
        self._n_fft, self._hop = n_fft, hop_length
        n_frames = max(1, _SAMPLES_PER_BATCH // n_fft)
        n_bins = 1 + n_fft // 2
        n_in_a_row = n_frames * max(1, _SAMPLES_IN_A_ROW // (n_frames * hop_length))
        self._samples = np.empty((n_in_a_row - 1) * hop_length + n_fft, np.float32)
        self._samples[: n_fft // 2] = 0
        self._n_samples = n_fft // 2
        self._windows = np.lib.stride_tricks.sliding_window_view(self._samples, n_fft)[::hop_length]
        self._windowed = np.empty((n_frames, n_fft), np.float32)
        self._spectrum = np.empty((n_frames, n_bins), np.complex64)
        self._power, self._squares = (np.empty((n_frames, n_bins), np.float32) for _ in range(2))

    def pass_by(self, block: Waveform) -> Iterator[Power]:
        """Take the next samples of the waveform, (n,); see `rest` for the last.

        Yields
        ------
        (T, 1 + n_fft / 2) power of the next frames, to be used before the next are asked for: they take its place
        """
        taken = 0
        while taken < len(block):
            n = min(len(block) - taken, len(self._samples) - self._n_samples)
            self._samples[self._n_samples : self._n_samples + n] = block[taken : taken + n]
            taken, self._n_samples = taken + n, self._n_samples + n
            if self._n_samples == len(self._samples):
                yield from self._gathered()

    def rest(self) -> Iterator[Power]:
        """The last frames, once all samples have passed by: all together there are 1 + n_samples // hop_length."""
        yield from self.pass_by(np.zeros(self._n_fft // 2, np.float32))
        yield from self._gathered()

    def _gathered(self) -> Iterator[Power]:
        """All frames that the samples gathered suffice for; those samples are let go."""
        n_frames = max(0, 1 + (self._n_samples - self._n_fft) // self._hop)
        for first in range(0, n_frames, len(self._power)):
            yield self._batch(self._windows[:n_frames][first : first + len(self._power)])
        kept = self._n_samples - n_frames * self._hop
        self._samples[:kept] = self._samples[n_frames * self._hop : self._n_samples]
        self._n_samples = kept

    def _batch(self, windows: Waveform) -> Power:
        n_frames = len(windows)
        windowed, spectrum = self._windowed[:n_frames], self._spectrum[:n_frames]
        np.multiply(windows, _window(self._n_fft), out=windowed)
        # Scaled by 1 / n_fft, numpy computes with the 32 bits that it is given, unscaled with 64 in half the speed.
        np.fft.rfft(windowed, axis=1, norm="forward", out=spectrum)  # type: ignore[arg-type]  # typed for 64 bits only
        power = np.square(spectrum.real, out=self._power[:n_frames])
        power += np.square(spectrum.imag, out=self._squares[:n_frames])
        return cast(Power, power)


@lru_cache(maxsize=4)
def _window(n_fft: int) -> npt.NDArray[np.float32]:
    """Hann's, periodic as an STFT wants it, times n_fft, which the transform divides by."""
    return cast(npt.NDArray[np.float32], (n_fft * np.hanning(n_fft + 1)[:-1]).astype(np.float32))
