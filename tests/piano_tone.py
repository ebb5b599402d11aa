"""A made-up piano: notes of decaying harmonics with a hammer's noise, from a seeded generator."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]


@lru_cache(maxsize=16)
def notes(duration_s: float, sample_rate: int, *, seed: int = 7, notes_per_s: float = 4.0) -> Waveform:
    """Random notes between A2 and C6, one after the other, up to the very last moment.

    Returns
    -------
    (n,) float32 within -0.8..0.8, read-only, as one array serves all who ask for it
    """
    rng = np.random.default_rng(seed)
    y = np.zeros(round(duration_s * sample_rate))
    for onset_s in np.arange(0, duration_s - 1e-9, 1 / notes_per_s):
        note = _note(int(rng.integers(45, 85)), float(rng.uniform(0.3, 1.0)), sample_rate, rng)
        first = round(float(onset_s) * sample_rate)
        n = min(len(note), len(y) - first)
        y[first : first + n] += note[:n]
    scaled: Waveform = (0.8 * y / np.abs(y).max()).astype(np.float32)
    scaled.flags.writeable = False
    return scaled


def _note(pitch: int, level: float, sample_rate: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    t = np.arange(round(1.5 * sample_rate)) / sample_rate
    pitch_hz = 440 * 2 ** ((pitch - 69) / 12)
    partials = [
        np.sin(2 * np.pi * k * pitch_hz * t) * np.exp(-t * (2 + k)) / k
        for k in range(1, 7)
        if k * pitch_hz < sample_rate / 2
    ]
    hammer = rng.normal(size=len(t)) * np.exp(-t * 200) * 0.05
    attack = np.minimum(1.0, t / 0.003)
    return level * attack * (np.sum(partials, axis=0) + hammer)  # type: ignore[no-any-return]
