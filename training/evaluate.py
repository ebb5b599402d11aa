"""Hold a judge against people: render rated performances, assess them as the service does, and count.

Nothing here trains or selects: the figures are of the model as it is shipped.
"""

import io
import multiprocessing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pkai.audio import Waveform
from pkai.scorer import Judge
from training import conditions, encoding, instruments, metrics
from training.conditions import Conditions
from training.encoding import Encoding
from training.instruments import Instrument
from training.metrics import Estimate
from training.performance import read_midi
from training.rated import RatedPerformance
from training.rendering import Renderer

_SAMPLE_RATE = 44_100


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Under what circumstances the judge is tested.

    Attributes
    ----------
    instrument : name of a sound font preset
    recorded : how, or None for the clean rendering
    same_length : stretch each performance to the median length of its piece, so that tempo tells nothing
    """

    instrument: str = "fluid-0"
    recorded: Conditions | None = None
    same_length: bool = False


SETTINGS = {
    "clean": Setting(),
    "tempo-equalised": Setting(same_length=True),
    "unheard instrument": Setting(instrument=instruments.HELD_OUT[0]),
    "phone": Setting(recorded=conditions.PHONE),
}


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How a judge agrees with people in one setting.

    Attributes
    ----------
    at_half, at_one : pairwise accuracy of pairs that differ by 0.5, by 1.0 rating points or more
    against_length : of those of `at_half` in which the better takes longer
    spearman : mean over pieces
    """

    at_half: Estimate
    at_one: Estimate
    against_length: Estimate
    spearman: float


def scores(
    rated: tuple[RatedPerformance, ...], model_root: Path, name: str, cache: Path, setting: Setting, *, n_workers: int
) -> npt.NDArray[np.float64]:
    """Score of every performance, rendered in a setting and heard through the service's own front end.

    Returns
    -------
    (N,)
    """
    lengths = _lengths_s(rated, setting)
    jobs = [
        (index, performance.midi, length_s, model_root, name, cache, setting)
        for index, (performance, length_s) in enumerate(zip(rated, lengths, strict=True))
    ]
    with multiprocessing.get_context("spawn").Pool(n_workers) as pool:
        return np.array(pool.map(_score, jobs, chunksize=4))


def agreement(rated: tuple[RatedPerformance, ...], found: npt.NDArray[np.float64]) -> Agreement:
    """Figures for scores found in one setting."""
    truth = np.array([performance.mean_rating for performance in rated])
    pieces = np.array([performance.piece for performance in rated])
    lengths = np.array([read_midi(performance.midi).duration_s for performance in rated])
    pairs = metrics.pair_indices(truth, pieces, min_difference=0.5)
    longer_is_better = lengths[pairs[:, 0]] > lengths[pairs[:, 1]]
    return Agreement(
        at_half=metrics.accuracy_estimate(found, pairs),
        at_one=metrics.accuracy_estimate(found, metrics.pair_indices(truth, pieces, min_difference=1.0)),
        against_length=metrics.accuracy_estimate(found, pairs[longer_is_better]),
        spearman=metrics.mean_spearman(found, truth, pieces),
    )


def length_baseline(rated: tuple[RatedPerformance, ...]) -> Agreement:
    """Figures of "the shorter recording is the better one"."""
    return agreement(rated, -np.array([read_midi(performance.midi).duration_s for performance in rated]))


def human_ceiling(rated: tuple[RatedPerformance, ...]) -> dict[str, Estimate]:
    """How often each instructor alone agrees with the mean of all other raters, on pairs that differ by 0.5 or more.

    A tie of the instructor counts half.
    """
    pieces = np.array([performance.piece for performance in rated])
    raters = sorted({rater for performance in rated for rater in performance.ratings if rater.startswith("instructor")})
    found: dict[str, Estimate] = {}
    for rater in raters:
        kept = [i for i, performance in enumerate(rated) if rater in performance.ratings]
        own = np.array([rated[i].ratings[rater] for i in kept])
        others = np.array([np.mean([v for k, v in rated[i].ratings.items() if k != rater]) for i in kept])
        found[rater] = metrics.accuracy_estimate(own, metrics.pair_indices(others, pieces[kept], min_difference=0.5))
    return found


def _lengths_s(rated: tuple[RatedPerformance, ...], setting: Setting) -> list[float | None]:
    if not setting.same_length:
        return [None] * len(rated)
    own = np.array([read_midi(performance.midi).duration_s for performance in rated])
    pieces = np.array([performance.piece for performance in rated])
    return [float(np.median(own[pieces == piece])) for piece in pieces]


def _score(job: tuple[int, Path, float | None, Path, str, Path, Setting]) -> float:
    index, midi, length_s, model_root, name, cache, setting = job
    performance = read_midi(midi)
    if length_s is not None:
        performance = performance.stretched(length_s / performance.duration_s)
    instrument = _instrument(cache, setting.instrument)
    sound = _renderer().render(performance, instrument)
    if setting.recorded is not None:
        sound = conditions.record(sound, _SAMPLE_RATE, setting.recorded, np.random.default_rng(index))
    return _judge(model_root, name).hear(io.BytesIO(wav_bytes(sound, _SAMPLE_RATE))).score


def wav_bytes(sound: Waveform, sample_rate: int) -> bytes:
    """A 16-bit mono WAV file."""
    how = Encoding(container="wav", encoder="pcm_s16le", sample_rate=sample_rate, bit_rate=16 * sample_rate)
    file = io.BytesIO()
    encoding.write(file, sound, sample_rate, how)
    return file.getvalue()


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    return Renderer(_SAMPLE_RATE)


@lru_cache(maxsize=4)
def _judge(model_root: Path, name: str) -> Judge:
    return Judge.load(model_root, name, n_threads=1)


def _instrument(cache: Path, name: str) -> Instrument:
    found = {instrument.name: instrument for instrument in instruments.available(cache)}
    if name not in found:
        raise FileNotFoundError(f"no instrument {name!r}; there are: {', '.join(found)}")
    return found[name]
