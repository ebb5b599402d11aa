"""What a phone records before the first tone and after the last: steps and chairs, sleeves and pages, words, claps."""

from collections.abc import Callable

import numpy as np

from pkai.audio import Waveform

Surroundings = Callable[[float, int, np.random.Generator], Waveform]

_BACKGROUND = 0.001
_CLAPS_PER_S = 40
_CLAP_S = 0.036
_GUST_S = 0.09


def knocks(duration_s: float, sample_rate: int, rng: np.random.Generator) -> Waveform:
    """Steps, a chair, the lid: two thuds a second, low and dull, of peaks near 0.3.

    Returns
    -------
    (n,) float32, as all of this module
    """
    y = _noise(duration_s, sample_rate, rng) * _BACKGROUND
    t = np.arange(sample_rate // 4) / sample_rate
    for start in range(0, len(y) - len(t) + 1, sample_rate // 2):
        thud = np.sin(2 * np.pi * rng.uniform(60, 110) * t) * np.exp(-25 * t)
        y[start : start + len(t)] += 0.3 * thud + 0.03 * rng.standard_normal(len(t)) * np.exp(-60 * t)
    return y.astype(np.float32)


def rustle(duration_s: float, sample_rate: int, rng: np.random.Generator) -> Waveform:
    """Sleeves, pages, a hand about the phone: noise that comes and goes, duller than white."""
    y = np.convolve(_noise(duration_s, sample_rate, rng), np.hanning(12), "same")
    every = round(_GUST_S * sample_rate)
    strengths = rng.random(-(-len(y) // every)) ** 3
    gusts = np.interp(np.arange(len(y)), np.arange(0, len(y), every), strengths)
    return np.asarray(0.1 * y * gusts, np.float32)


def applause(duration_s: float, sample_rate: int, rng: np.random.Generator) -> Waveform:
    """Short bursts of noise, forty a second."""
    clap_n = round(_CLAP_S * sample_rate)
    envelope = np.exp(-6.7 * np.arange(clap_n) / clap_n)
    y = np.zeros(round(duration_s * sample_rate))
    for start in rng.integers(0, max(1, len(y) - clap_n), round(_CLAPS_PER_S * duration_s)):
        room = y[start : start + clap_n]
        room += 0.2 * rng.standard_normal(len(room)) * envelope[: len(room)]
    return y.astype(np.float32)


def talk(duration_s: float, sample_rate: int, rng: np.random.Generator) -> Waveform:
    """A voice without words: syllables on a pitch that glides, of falling harmonics."""
    t = np.arange(round(duration_s * sample_rate)) / sample_rate
    turns_s = np.arange(0.0, duration_s + 0.15, 0.15)
    pitch_hz = np.interp(t, turns_s, 140 * np.exp(0.25 * rng.standard_normal(len(turns_s))))
    loud = np.interp(t, turns_s, rng.random(len(turns_s)))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate
    voice = np.sum([np.sin(k * phase) / k for k in range(1, 16)], axis=0)
    return np.asarray(0.1 * voice * loud + _BACKGROUND * _noise(duration_s, sample_rate, rng), np.float32)


KINDS: dict[str, Surroundings] = {
    "knocks": knocks,
    "rustle": rustle,
    "applause": applause,
    "talk": talk,
}


def _noise(duration_s: float, sample_rate: int, rng: np.random.Generator) -> Waveform:
    return np.asarray(rng.standard_normal(round(duration_s * sample_rate)), np.float32)
