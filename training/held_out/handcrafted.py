"""What a dozen handcrafted features of the audio reach: the baseline that a network has to beat.

A logistic ranking by feature differences, fitted to all pieces but one, judges the one left out. It learns from
people's ratings, which our networks do not.
"""

from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt

from pkai.features import FeatureConfig, Frames
from training.held_out import last_layer
from training.held_out.last_layer import Received
from training.people import playback
from training.people.panel import People
from training.people.playback import Setting
from training.people.rated import RatedPerformance

Floats = npt.NDArray[np.float64]

# Fixed beforehand, not tuned.
_PENALTY = 0.1
# An onset this many times as late as usual is a hesitation; frames this far below the loud ones, for so long, a pause.
_LATE = 2.5
_PAUSE_BELOW_DB, _PAUSE_S = 25.0, 0.3
_PHRASE_S = 2.0

NAMES = (
    "log duration",
    "onsets a second",
    "variation of the time between onsets",
    "change from one time between onsets to the next",
    "share of the time in hesitations",
    "longest time between onsets",
    "share of the time in pauses",
    "pauses a minute",
    "spread of loudness",
    "spread of loudness over phrases",
    "variation of the strength of onsets",
    "clarity of the pulse",
)


def scores(
    rated: tuple[RatedPerformance, ...], cache: Path, setting: Setting, *, n_workers: int
) -> npt.NDArray[np.float64]:
    """Score of every performance by a ranking that was fitted without its piece: (N,).

    Raises
    ------
    ValueError
        If there is one piece alone.
    """
    config = FeatureConfig()
    heard = playback.features_of(rated, setting, config, cache, n_workers=n_workers)
    return left_out(np.stack([describe(each, config) for each in heard]), People.of(rated, "piece"))


def left_out(features: Floats, people: People) -> Floats:
    """Scores (N,) from features (N, D), each piece's by what was fitted to the others."""
    pieces = np.unique(people.pieces)
    if len(pieces) < 2:
        raise ValueError("handcrafted features are fitted to all pieces but one; at least two are needed")
    received = Received(scores=np.zeros(len(features)), inputs=features)
    found = np.zeros(len(features))
    for piece in pieces:
        inside = people.pieces == piece
        found[inside] = last_layer.moved(received, people, np.flatnonzero(~inside), _PENALTY)[inside]
    return found


def describe(features: Frames, config: FeatureConfig) -> Floats:
    """The features of NAMES, in that order: (12,).

    Parameters
    ----------
    features : (T, M) log-mel, as the front end has them
    """
    decibels = (features.T.astype(np.float64) - 1) * 20  # undoes the front end's scaling; 0 dB is loud
    envelope = librosa.onset.onset_strength(S=decibels, sr=config.sample_rate, hop_length=config.hop_length)
    onsets = librosa.onset.onset_detect(
        onset_envelope=envelope, sr=config.sample_rate, hop_length=config.hop_length, units="frames"
    )
    loudness = 10 * np.log10((10 ** (decibels / 10)).sum(axis=0) + 1e-7)
    duration_s = len(features) / config.frames_per_s
    return np.array(
        [
            np.log(duration_s),
            len(onsets) / duration_s,
            *_of_rhythm(onsets / config.frames_per_s),
            *_of_loudness(loudness, config.frames_per_s),
            float(envelope[onsets].std() / max(envelope[onsets].mean(), 1e-6)) if len(onsets) else 0.0,
            _pulse_clarity(envelope, config.frames_per_s),
        ]
    )


def _of_rhythm(onsets_s: Floats) -> tuple[float, float, float, float]:
    """Variation, change, share of hesitations and longest of the times between onsets."""
    gaps = np.diff(onsets_s)
    if len(gaps) < 3:
        return 0.0, 0.0, 0.0, 0.0
    usual = float(np.median(gaps))
    late = gaps[gaps > _LATE * usual]
    change = float(np.median(np.abs(np.diff(np.log(gaps)))))
    return float(gaps.std() / gaps.mean()), change, float(late.sum() / gaps.sum()), float(np.log(gaps.max() / usual))


def _of_loudness(loudness: Floats, frames_per_s: float) -> tuple[float, float, float, float]:
    """Share of the time in pauses, pauses a minute, spread of loudness, and its spread over phrases."""
    loud = float(np.percentile(loudness, 95))
    silent = np.concatenate([[False], loudness < loud - _PAUSE_BELOW_DB, [False]])
    edges = np.flatnonzero(np.diff(silent.astype(int)))
    lengths = (edges[1::2] - edges[::2]) / frames_per_s
    pauses = lengths[lengths >= _PAUSE_S]
    duration_s = len(loudness) / frames_per_s
    n_phrases = max(1, round(duration_s / _PHRASE_S))
    phrases = [float(part.mean()) for part in np.array_split(loudness, n_phrases)]
    return (
        float(pauses.sum() / duration_s),
        60 * len(pauses) / duration_s,
        float(loudness[loudness > loud - 40].std()),
        float(np.std(phrases)),
    )


def _pulse_clarity(envelope: Floats, frames_per_s: float) -> float:
    """Greatest autocorrelation of the onsets' envelope at 0.2 to 2 s; 1 is a machine."""
    centred = envelope - envelope.mean()
    found = librosa.autocorrelate(centred, max_size=round(2.0 * frames_per_s))
    return float(found[round(0.2 * frames_per_s) :].max() / max(found[0], 1e-9))
