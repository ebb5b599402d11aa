"""Which part of a recording was played: what comes before the first tone and after the last is left out.

Phones record more than playing: a thumb on the button, steps, a chair, a word. So three things must be heard: energy
above that of the room; pitches, which set single bands apart from their neighbours for longer than noise does; and
pitches that stay, as a piano's do and those of speech do not.
"""

from functools import lru_cache
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pkai.errors import SilentRecording
from pkai.features import FeatureConfig, Frames, frame_energy_db, mel_centres_hz

Flags = npt.NDArray[np.bool_]
Relief = npt.NDArray[np.float64]

# Far below the loudest playing nothing is heard as played: a piano spans about 45 dB from pp to ff.
_INAUDIBLE_BELOW_LOUD_DB = 55.0
# A frame this far above the recording's own noise floor is playing ...
_ABOVE_NOISE_DB = 6.0
# ... but energy alone tells a floor nearer than this to the loud frames from soft playing no more.
_NOISE_BELOW_LOUD_DB = 36.0
# There the mean level of the bands does: it hardly wavers in noise, and every note raises it by more than this.
_NOTE_OVER_BANDS_DB = 4.0
_SILENT_DB = -75.0
# A soft recording's noise may lie below that; what is further below its loud frames is a file's digital silence.
_DIGITAL_SILENCE_BELOW_LOUD_DB = 100.0
_LEAST_DB = -119.0
_FRAMES_AT_ONCE = 4096
# Natural logarithms of power in dB; they take a third of the time of log10.
_DB_PER_LOG = np.float32(10 / np.log(10))

# Bands where a piano's partials lie apart, Hz, ...
_TONES_FROM_HZ, _TONES_TO_HZ = 150.0, 2500.0
# ... and those on either side that a band is held against.
_NEIGHBOURS = 2
# In the mean over so long noise evens out, but for moments, to less than this standard deviation over the bands; tones
# do not. Noises of many kinds and excerpts of the skill ladder, in noise too, lie on either side of it.
_PITCHED_OVER_S, _PITCHED_DB, _PITCHED_FOR_S = 0.5, 3.0, 0.2
# After so long bands that stood out still do, by this correlation over a second and a half; in most speech less.
_STEADY_AFTER_S, _STEADY_OVER_S, _STEADY = 0.1, 1.5, 0.45
# Where tones stand out less, as in noise, or stay for less long, as in fast music, this share will do of what those
# quarter of so many moments have in which they stand out most.
_MOMENTS, _STANDING_OUT, _SHARE = 200, 0.75, 0.6
# Of these moments one in so many tells whether there are tones at all.
_FEW = 4
_SEARCHED_AT_ONCE_S = 5.0


def span(mel: Frames, config: FeatureConfig) -> tuple[int, int]:
    """Where the playing starts and ends; what lies between is kept whole, rests included.

    Parameters
    ----------
    mel : (T, M) power
    config : of the front end

    Returns
    -------
    start, stop : frames, start < stop

    Raises
    ------
    SilentRecording
        If no frame can be heard.
    """
    above = _above_the_room(mel)
    enough = _enough(mel, above, config)
    first = _first_tone(mel, above, enough, config)
    last = _first_tone(mel[::-1], above[::-1], enough, config)
    if first is not None and last is not None and first < len(mel) - last:  # else a drum, perhaps, judged as it is
        above[:first] = above[len(mel) - last :] = False
    played = np.flatnonzero(above)
    return int(played[0]), int(played[-1]) + 1


def has_tones(mel: Frames, config: FeatureConfig) -> bool:
    """Whether pitches stand out in a quarter of the moments, as in any music; in noise, a hum or clicks they do not.

    Parameters
    ----------
    mel : (T, M) power, of what was played
    config : of the front end
    """
    few = _moments(mel, config)[::_FEW]
    relief = _relief(mel[few].sum(axis=1), config).std(axis=1)
    return bool(np.quantile(relief, _STANDING_OUT) > _PITCHED_DB)


def _moments(mel: Frames, config: FeatureConfig) -> npt.NDArray[np.int64]:
    """Frames of moments all over the recording, each of half a second: (K, n)."""
    over = round(_PITCHED_OVER_S * config.frames_per_s)
    first = np.unique(np.linspace(0, max(0, len(mel) - over), _MOMENTS).astype(np.int64))
    return cast(npt.NDArray[np.int64], np.minimum(first[:, None] + np.arange(over), len(mel) - 1))


def _above_the_room(mel: Frames) -> Flags:
    """Frames that are louder than what is heard all along: (T,), some of them true."""
    energy_db = frame_energy_db(mel)
    audible = energy_db[energy_db > _SILENT_DB]
    if len(audible) == 0:
        raise SilentRecording("nothing can be heard in the recording; check the microphone and play louder")
    loud_db = float(np.percentile(audible, 95))
    digital_silence_db = max(_LEAST_DB, min(_SILENT_DB, loud_db - _DIGITAL_SILENCE_BELOW_LOUD_DB))
    sounding = energy_db > digital_silence_db
    noise_db = float(np.percentile(energy_db[sounding], 2))
    threshold_db = max(
        loud_db - _INAUDIBLE_BELOW_LOUD_DB,
        min(noise_db + _ABOVE_NOISE_DB, loud_db - _NOISE_BELOW_LOUD_DB),
        _SILENT_DB,
    )
    above = energy_db > threshold_db
    if noise_db + _ABOVE_NOISE_DB > loud_db - _NOISE_BELOW_LOUD_DB:
        return _with_notes(mel, above, sounding)
    return above


def _with_notes(mel: Frames, above: Flags, sounding: Flags) -> Flags:
    """Those frames that lie over the quietest ones in the mean of their bands' levels; all where none does: (T,)."""
    # In parts: at once it would hold a long recording three times more.
    parts = np.array_split(mel, 1 + len(mel) // _FRAMES_AT_ONCE)
    level_db = np.concatenate([np.log(part + np.float32(1e-12)).mean(axis=1) for part in parts]) * _DB_PER_LOG
    noted = above & (level_db > np.percentile(level_db[sounding], 2) + _NOTE_OVER_BANDS_DB)
    return noted if noted.any() else above


def _enough(mel: Frames, above: Flags, config: FeatureConfig) -> tuple[float, float]:
    """From which relief on, dB, tones are heard in this recording, and from which steadiness on, -1..1."""
    after = round(_STEADY_AFTER_S * config.frames_per_s)
    frames = _moments(mel, config)
    heard = np.where(above[frames, None], mel[frames], np.float32(0))
    relief = _relief(heard.sum(axis=1), config).std(axis=1)
    typical = float(np.quantile(relief, _STANDING_OUT))
    most = heard[relief >= typical]
    alike, both = _constancy(_relief(most[:, 0], config), _relief(most[:, after], config))
    return min(_PITCHED_DB, _SHARE * typical), min(_STEADY, _SHARE * float(alike.sum() / max(both.sum(), 1e-9)))


def _first_tone(mel: Frames, above: Flags, enough: tuple[float, float], config: FeatureConfig) -> int | None:
    """The first frame from which on tones are heard, if there is one."""
    at_once = round(_SEARCHED_AT_ONCE_S * config.frames_per_s)
    ahead = round((_STEADY_OVER_S + _STEADY_AFTER_S) * config.frames_per_s)  # the furthest that a frame's answer looks
    for start in range(0, len(mel), at_once):
        part = slice(start, start + at_once + ahead)
        tones = _has_tones(mel[part], above[part], enough, config)[:at_once]
        if tones.any():
            return start + int(tones.argmax())
    return None


def _has_tones(mel: Frames, above: Flags, enough: tuple[float, float], config: FeatureConfig) -> Flags:
    """Whether pitches are heard from each frame on, and stay: (T,)."""
    least_relief_db, least_steadiness = enough
    heard = np.where(above[:, None], mel, np.float32(0))  # a mains hum has pitches too
    pitched_over, pitched_for, steady_after, steady_over = (
        round(seconds * config.frames_per_s)
        for seconds in (_PITCHED_OVER_S, _PITCHED_FOR_S, _STEADY_AFTER_S, _STEADY_OVER_S)
    )
    pitched = _relief(_sum_from(heard, pitched_over), config).std(axis=1) > least_relief_db
    pitched = _sum_from(pitched, pitched_for) == pitched_for
    relief = _relief(heard, config)
    later = np.concatenate([relief[steady_after:], np.zeros_like(relief[:steady_after])])
    alike, both = (_sum_from(each, steady_over) for each in _constancy(relief, later))
    return cast(Flags, pitched & (alike > least_steadiness * both))


def _constancy(now: Relief, later: Relief) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Covariance and mean variance of two reliefs, frame by frame; both 0 where either is of silence: (T,) each."""
    both = now.any(axis=1) & later.any(axis=1)
    return np.where(both, (now * later).sum(axis=1), 0.0), np.where(both, (now**2 + later**2).sum(axis=1) / 2, 0.0)


def _sum_from(values: npt.NDArray[Any], n: int) -> npt.NDArray[np.float64]:
    """Sum of each row and the n - 1 after it, fewer at the end: (T, ...)."""
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = np.arange(len(values))
    return cast(npt.NDArray[np.float64], sums[np.minimum(first + n, len(values))] - sums[first])


def _relief(power: npt.NDArray[np.floating[Any]], config: FeatureConfig) -> Relief:
    """How far each band stands out from its neighbours, dB, of mean 0 over the bands: (T, M) -> (T, bands)."""
    bands, others = _bands(config)
    level_db = np.log(np.maximum(power, 1e-12)) * _DB_PER_LOG
    relief = level_db[:, bands] - level_db @ others
    return cast(Relief, relief - relief.mean(axis=1, keepdims=True))


@lru_cache(maxsize=2)
def _bands(config: FeatureConfig) -> tuple[slice, npt.NDArray[np.float64]]:
    """The bands in which tones are looked for, and what makes the mean of each one's surroundings: (M, bands)."""
    centres_hz = mel_centres_hz(config)
    from_band, to_band = np.searchsorted(centres_hz, [_TONES_FROM_HZ, _TONES_TO_HZ]).tolist()
    apart = np.abs(np.arange(len(centres_hz))[:, None] - np.arange(from_band, to_band)[None, :])
    near = (apart <= _NEIGHBOURS).astype(np.float64)
    return slice(from_band, to_band), near / near.sum(axis=0)
