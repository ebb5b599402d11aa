"""The one audio front end: waveform to mel frames to normalised features, for training and service alike.

Frames equal `librosa.feature.melspectrogram` (Slaney scale and norm, centred, zero padded); tests hold
them to librosa and torchaudio. Each frame depends on its own samples alone, so block sizes are of no matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from pkai.audio import Waveform
from pkai.rows import Rows
from pkai.spectra import Power, PowerSpectra

Frames = npt.NDArray[np.float32]

# Neighbouring mel bands summed at once. A filter is zero outside a few bins, so small products save most of one large
# product's work; they also stay below the size at which OpenBLAS calls its threads, whose waiting for each other took
# five times the work itself, and far more beside other programs.
_BANDS_PER_PRODUCT = 16
_LOG_FLOOR = 1e-7
# Power of the frame from which a frame counts as loud, relative to the loudest.
_LOUD_BELOW_LOUDEST = 1e-3
# Three minutes' worth.
_ROWS_TO_BEGIN_WITH = 9000


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How a waveform becomes features.

    Attributes
    ----------
    kind : "log-mel" or "mfcc"
    sample_rate : Hz; 22,050 keeps all that a phone's microphone tells of a piano
    n_fft : samples; 93 ms resolve neighbouring semitones from about C3 upwards
    hop_length : samples; 20 ms, the finest timing that listeners hear as uneven
    n_mels : mel bands between `fmin` and `fmax`
    fmin, fmax : Hz; from the lowest A of the piano to where phones still record faithfully
    n_mfcc : cepstral coefficients kept when `kind` is "mfcc"
    """

    kind: Literal["log-mel", "mfcc"] = "log-mel"
    sample_rate: int = 22_050
    n_fft: int = 2048
    hop_length: int = 441
    n_mels: int = 96
    fmin: float = 30.0
    fmax: float = 8000.0
    n_mfcc: int = 40

    def __post_init__(self) -> None:
        if self.kind not in ("log-mel", "mfcc"):
            raise ValueError(f"feature kind is {self.kind!r}; it must be 'log-mel' or 'mfcc'")
        if not 0 < self.hop_length <= self.n_fft:
            raise ValueError(f"hop_length is {self.hop_length}; it must lie in 1..n_fft={self.n_fft}")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(f"fmin={self.fmin}, fmax={self.fmax} must satisfy 0 <= fmin < fmax <= sample_rate / 2")
        if not 0 < self.n_mfcc <= self.n_mels:
            raise ValueError(f"n_mfcc is {self.n_mfcc}; it must lie in 1..n_mels={self.n_mels}")

    @property
    def n_features(self) -> int:
        """Rows of a feature matrix: mel bands or cepstral coefficients."""
        return self.n_mels if self.kind == "log-mel" else self.n_mfcc

    @property
    def frames_per_s(self) -> float:
        """Frames in a second."""
        return self.sample_rate / self.hop_length


def mel_filterbank(config: FeatureConfig) -> Frames:
    """Triangular filters on Slaney's mel scale, each with unit area.

    Returns
    -------
    (M, 1 + n_fft / 2) float32, as `librosa.filters.mel`

    References
    ----------
    Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research, 1998.
    """
    edges_hz = _band_edges_hz(config)
    bins_hz = np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate)
    widths = np.diff(edges_hz)
    ramps = edges_hz[:, None] - bins_hz[None, :]  # (M + 2, F)
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return cast(Frames, weights.astype(np.float32))


def mel_centres_hz(config: FeatureConfig) -> npt.NDArray[np.float64]:
    """Centre of each mel band: (M,) Hz, ascending; for the axis of a picture."""
    return _band_edges_hz(config)[1:-1]


def log_mel(features: Frames, config: FeatureConfig) -> Frames:
    """Features as a log-mel spectrogram to look at.

    Parameters
    ----------
    features : (T, n_features), as `normalise` gives them

    Returns
    -------
    (T, M); of MFCC the smooth spectrum that the kept coefficients describe
    """
    if config.kind == "log-mel":
        return features
    return cast(Frames, features @ _dct_basis(config.n_mels, config.n_mfcc).T)


def mel_frames(blocks: Iterable[Waveform], config: FeatureConfig) -> Frames:
    """Mel power spectrogram of a waveform that arrives in blocks.

    Parameters
    ----------
    blocks : (n,) float32 each, consecutive pieces of one waveform
    config : of the front end

    Returns
    -------
    (T, M) float32 power, T = 1 + n_samples // hop_length; whatever the block sizes, the same
    """
    spectra = PowerSpectra(config.n_fft, config.hop_length)
    frames = Rows(config.n_mels, room=_ROWS_TO_BEGIN_WITH)
    for power in chain(chain.from_iterable(map(spectra.pass_by, blocks)), spectra.rest()):
        frames.append(_mel_power(power, config))
    return frames.array()


def normalise(mel: Frames, config: FeatureConfig, *, overwrite: bool = False) -> Frames:
    """Features of the played part of a recording, free of its level.

    Power is taken relative to the 95th percentile of the frames' energy, then compressed:
    ``log10(power / reference + 1e-7) / 2 + 1``. Gain cancels out; a loud bang moves it little. Where nearly all of it
    is a pause, that percentile is the pause's; a frame 30 dB below the loudest is no loud one.

    Parameters
    ----------
    mel : (T, M) power of the played part, T >= 1
    config : of the front end
    overwrite : compute in the place of `mel`, for those who need it no more

    Returns
    -------
    (T, n_features) float32; log-mel lies in about -2.5..1
    """
    reference = loud(mel.sum(axis=1))
    log_mel = np.multiply(mel, np.float32(1 / reference), out=mel if overwrite else None)
    log_mel += np.float32(_LOG_FLOOR)
    np.log(log_mel, out=log_mel)  # a third of what log10 takes
    log_mel *= np.float32(0.5 / np.log(10))
    log_mel += np.float32(1.0)
    if config.kind == "log-mel":
        return cast(Frames, log_mel)
    return cast(Frames, log_mel @ _dct_basis(config.n_mels, config.n_mfcc))


def loud(energy: Frames) -> float:
    """What counts as loud in a recording: the 95th percentile of energies (n,), but no silence; above 0."""
    return max(
        float(np.percentile(energy, 95)), _LOUD_BELOW_LOUDEST * float(energy.max()), float(np.finfo(np.float32).tiny)
    )


def frame_energy_db(mel: Frames) -> Frames:
    """Energy of each frame over all mel bands.

    Parameters
    ----------
    mel : (T, M) power

    Returns
    -------
    (T,) float32 dB, floored at -120 dB
    """
    return cast(Frames, 10 * np.log10(mel.sum(axis=1) + np.float32(1e-12)))


def _mel_power(power: Power, config: FeatureConfig) -> Frames:
    mel = np.empty((len(power), config.n_mels), np.float32)
    for bands, bins, weights in _filter_groups(config):
        np.matmul(power[:, bins], weights, out=mel[:, bands])
    return mel


def _band_edges_hz(config: FeatureConfig) -> npt.NDArray[np.float64]:
    """Lower edge of the first band, the centres, and the upper edge of the last: (M + 2,)."""
    return _mel_to_hz(np.linspace(_hz_to_mel(config.fmin), _hz_to_mel(config.fmax), config.n_mels + 2))


@lru_cache(maxsize=4)
def _filter_groups(config: FeatureConfig) -> tuple[tuple[slice, slice, Frames], ...]:
    """The filterbank in groups of neighbouring bands: which bands, the bins that they hear, (bins, bands) weights."""
    filters = mel_filterbank(config)
    groups = []
    for start in range(0, config.n_mels, _BANDS_PER_PRODUCT):
        bands = slice(start, min(start + _BANDS_PER_PRODUCT, config.n_mels))
        heard = np.flatnonzero(filters[bands].any(axis=0))
        bins = slice(heard[0], heard[-1] + 1) if len(heard) else slice(0, 0)
        groups.append((bands, bins, np.ascontiguousarray(filters[bands, bins].T)))
    return tuple(groups)


@lru_cache(maxsize=4)
def _dct_basis(n_mels: int, n_mfcc: int) -> Frames:
    """Orthonormal DCT-II, (n_mels, n_mfcc)."""
    bands = np.arange(n_mels)[:, None] + 0.5
    basis = np.cos(np.pi / n_mels * bands * np.arange(n_mfcc)[None, :]) * np.sqrt(2 / n_mels)
    basis[:, 0] /= np.sqrt(2)
    return cast(Frames, basis.astype(np.float32))


# Slaney's scale: linear up to 1 kHz (15 mel), then 27 logarithmic steps for each factor of 6.4.
_HZ_PER_MEL = 200.0 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _HZ_PER_MEL
    return float(_LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    logarithmic = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _HZ_PER_MEL, logarithmic)
