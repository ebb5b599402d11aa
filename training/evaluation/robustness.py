"""How far a rating moves where it should not: by how a performance was recorded, or by what else a file holds.

Conditions are drawn as the ladder draws them, with the instruments in turn, those that no training heard among them;
each performance meets the same ones. Level, sample rate, a second channel, silence and noises around change the file
alone.
"""

import io
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
from tqdm import tqdm

from pkai.audio import Waveform
from pkai.calibration import Calibration
from pkai.features import FeatureConfig, Frames
from training.evaluation.consensus import Scorer
from training.people import playback
from training.people.playback import SAMPLE_RATE, Setting
from training.people.rated import RatedPerformance
from training.sound import conditions, instruments, surroundings
from training.sound.surroundings import Surroundings

_SILENCE_S = 10.0
# Of noises before and after, with gains against the playing's own level: as loud, and some 10 dB softer.
_NOISES_S = 5.0
_NOISE_GAINS = (1.0, 0.3)
# Sample rates in Hz, and gains: some 20 and 40 dB softer.
_SAMPLE_RATES = (48_000, 22_050, 16_000)
_GAINS = (0.1, 0.01)


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """Movements of the rating, in points of 100.

    Attributes
    ----------
    spread_points : standard deviation over conditions, root mean square over performances
    spread_share : the same as a share of the gap between neighbouring levels
    level, sample_rate, stereo, silence, noises : greatest change that any performance's rating took from it
    """

    spread_points: float
    spread_share: float
    level: float
    sample_rate: float
    stereo: float
    silence: float
    noises: float


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Features of one performance: in each condition, and in each shape of file under what is changed."""

    conditions: list[Frames]
    clean: Frames
    files: dict[str, list[Frames]]


@dataclass(frozen=True)
class _Job:
    rated: RatedPerformance
    cache: Path
    settings: tuple[Setting, ...]
    config: FeatureConfig


def settings(cache: Path, n: int) -> tuple[Setting, ...]:
    """Conditions that every performance is recorded under."""
    pianos = [each.name for each in instruments.available(cache)]
    if not pianos:
        raise FileNotFoundError("no piano sound font found; install fluid-soundfont-gm or timgm6mb-soundfont")
    order = np.random.default_rng(0).permutation(len(pianos))
    return tuple(
        Setting(
            instrument=pianos[order[index % len(pianos)]],
            recorded=conditions.draw(np.random.default_rng([7, index])),
        )
        for index in range(n)
    )


def chosen(rated: Sequence[RatedPerformance], n: int) -> list[RatedPerformance]:
    """Evenly spread over all performances in the order of their ids, so over pieces and players."""
    ordered = sorted(rated, key=lambda each: each.id)
    return [ordered[i] for i in np.unique(np.linspace(0, len(ordered) - 1, n).round().astype(int))]


def versions(
    rated: Sequence[RatedPerformance], config: FeatureConfig, cache: Path, *, n_conditions: int, n_workers: int
) -> list[Versions]:
    """Every version of every performance, heard through the service's front end."""
    under = settings(cache, n_conditions)
    jobs = [_Job(each, cache, under, config) for each in rated]
    with multiprocessing.get_context("spawn").Pool(min(n_workers, len(jobs))) as pool:
        return list(tqdm(pool.imap(_versions, jobs), total=len(jobs), desc="conditions", unit="take"))


def measured(scorer: Scorer, calibration: Calibration, heard: Sequence[Versions]) -> Robustness:
    """How far the ratings by one judge move."""

    def ratings(features: Sequence[Frames]) -> npt.NDArray[np.float64]:
        return np.array([calibration.rating(scorer.score(each)) for each in features])

    deviations = [float(ratings(each.conditions).std(ddof=1)) for each in heard]
    spread = float(np.sqrt(np.mean(np.square(deviations))))
    moved: dict[str, float] = {}
    for each in heard:
        clean = ratings([each.clean])[0]
        for what, features in each.files.items():
            moved[what] = max(moved.get(what, 0.0), float(np.abs(ratings(features) - clean).max()))
    gap = float(np.diff(calibration.level_ratings).mean())
    return Robustness(spread_points=spread, spread_share=spread / gap, **moved)


def files_of(sound: Waveform) -> Mapping[str, list[bytes]]:
    """The same sound as other files, by what is changed.

    Parameters
    ----------
    sound : (n,) float32 at SAMPLE_RATE
    """
    pad = np.zeros(round(_SILENCE_S * SAMPLE_RATE), np.float32)
    return {
        "level": [_wav(sound * gain, SAMPLE_RATE) for gain in _GAINS],
        "sample_rate": [_wav(_resampled(sound, rate), rate) for rate in _SAMPLE_RATES],
        "stereo": [_wav(np.stack([sound, sound], axis=1), SAMPLE_RATE)],
        "silence": [_wav(np.concatenate([pad, sound, pad]), SAMPLE_RATE)],
        "noises": [
            _wav(_amid(sound, noises, gain), SAMPLE_RATE)
            for noises in surroundings.KINDS.values()
            for gain in _NOISE_GAINS
        ],
    }


def _versions(job: _Job) -> Versions:
    def heard(content: bytes) -> Frames:
        return playback.heard(io.BytesIO(content), job.config)

    recorded = [playback.play(job.rated, setting, job.cache) for setting in job.settings]
    sound = playback.play(job.rated, Setting(), job.cache)
    return Versions(
        conditions=[heard(playback.wav_bytes(each, SAMPLE_RATE)) for each in recorded],
        clean=heard(_wav(sound, SAMPLE_RATE)),
        files={what: [heard(each) for each in made] for what, made in files_of(sound).items()},
    )


def _amid(sound: Waveform, kind: Surroundings, gain: float) -> Waveform:
    """The sound with noises before and after it, of its own level times the gain."""
    rng = np.random.default_rng(0)
    before, after = (kind(_NOISES_S, SAMPLE_RATE, rng) for _ in range(2))
    level = gain * sound.std() / np.concatenate([before, after]).std()
    amid = np.concatenate([level * before, sound, level * after])
    return np.asarray(amid / max(1.0, float(np.abs(amid).max())), np.float32)


def _resampled(sound: Waveform, rate: int) -> Waveform:
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    return np.asarray(scipy.signal.resample_poly(sound, rate // divisor, SAMPLE_RATE // divisor), np.float32)


def _wav(sound: npt.NDArray[np.float32], rate: int) -> bytes:
    """A 24-bit WAV file, in which soft recordings keep their detail."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format="WAV", subtype="PCM_24")
    return file.getvalue()
