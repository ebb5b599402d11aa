"""Rated performances as sound and as features: rendered under a setting, and heard through the service's front end.

Features are kept on disk under a hash of all that they follow from: notes, sound font, setting, front end, and the
code that plays and hears. So they are computed once, and never served for something else.
"""

import dataclasses
import hashlib
import inspect
import io
import json
import multiprocessing
import types
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pkai import audio, playing, rows, spectra
from pkai import features as front_end
from pkai.audio import AudioSource, Waveform
from pkai.durable import replace_bytes
from pkai.features import FeatureConfig, Frames
from training.music import keyboard, performance
from training.music.performance import read_midi
from training.people.rated import RatedPerformance
from training.sound import conditions, encoding, instruments, rendering
from training.sound.conditions import Conditions
from training.sound.encoding import Encoding
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

SAMPLE_RATE = 44_100


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Under what circumstances a judge is tested.

    Attributes
    ----------
    instrument : name of a sound font preset
    recorded : how, or None for the clean rendering
    same_tempo : each performance begins with its first key and is stretched until its last key comes when it does in
        the median performance of its piece, so that tempo tells nothing
    """

    instrument: str = "fluid-0"
    recorded: Conditions | None = None
    same_tempo: bool = False


SETTINGS = {
    "clean": Setting(),
    "tempo-equalised": Setting(same_tempo=True),
    "unheard instrument": Setting(instrument=instruments.HELD_OUT[0]),
    "phone": Setting(recorded=conditions.PHONE),
    "phone that levels": Setting(recorded=conditions.PHONE_THAT_LEVELS),
}


def setting_named(name: str) -> Setting:
    """A setting by its name.

    Raises
    ------
    ValueError
        If there is none; the message names those there are.
    """
    if name not in SETTINGS:
        raise ValueError(f"no setting {name!r}; there are: {', '.join(SETTINGS)}")
    return SETTINGS[name]


@dataclass(frozen=True)
class _Job:
    """One performance to be heard, and where its features are kept."""

    rated: RatedPerformance
    span_s: float | None
    setting: Setting
    cache: Path
    config: FeatureConfig
    file: Path


def features_of(
    rated: tuple[RatedPerformance, ...], setting: Setting, config: FeatureConfig, cache: Path, *, n_workers: int
) -> list[Frames]:
    """Features of every performance under a setting, from the disk where they were computed before.

    Parameters
    ----------
    rated : performances
    setting : how they are played and recorded
    config : of the front end
    cache : folder of sampled grands; features are kept in `rendered/` under it
    n_workers : processes

    Returns
    -------
    (T, n_features) float32 of the played part of each

    Raises
    ------
    FileNotFoundError
        If the instrument is not on this machine.
    """
    font = _digest(instrument_named(cache, setting.instrument).soundfont)
    spans = spans_to_play_s(rated, setting)
    jobs = [
        _Job(
            each,
            span_s,
            setting,
            cache,
            config,
            cache / "rendered" / f"{_key(each, span_s, setting, config, font)}.npy",
        )
        for each, span_s in zip(rated, spans, strict=True)
    ]
    missing = [job for job in jobs if not job.file.is_file()]
    if missing:
        with multiprocessing.get_context("spawn").Pool(min(n_workers, len(missing))) as pool:
            for _ in tqdm(pool.imap_unordered(_compute, missing), total=len(missing), desc="rendering", unit="take"):
                pass
    return [np.load(job.file, allow_pickle=False) for job in jobs]


def play(rated: RatedPerformance, setting: Setting, cache: Path, span_s: float | None = None) -> Waveform:
    """Sound of a performance under a setting: (n,) float32 at SAMPLE_RATE.

    Parameters
    ----------
    span_s : stretch the playing, from the first key to the last, to so many seconds; None leaves it
    """
    played = read_midi(rated.midi)
    if span_s is not None:
        played = played.spanning(span_s)
    sound = _renderer().render(played, instrument_named(cache, setting.instrument))
    if setting.recorded is not None:
        rng = np.random.default_rng(zlib.crc32(rated.id.encode()))
        sound = conditions.record(sound, SAMPLE_RATE, setting.recorded, rng)
    return sound


def spans_to_play_s(rated: tuple[RatedPerformance, ...], setting: Setting) -> list[float | None]:
    """Seconds from first key to last that `play` is to stretch each performance to; None where its tempo is left."""
    if not setting.same_tempo:
        return [None] * len(rated)
    own = np.array([read_midi(each.midi).span_s for each in rated])
    pieces = np.array([each.piece for each in rated])
    return [float(np.median(own[pieces == piece])) for piece in pieces]


def heard(source: AudioSource, config: FeatureConfig) -> Frames:
    """Features of the played part of a recording, as `pkai.scorer.Judge.hear` has them: (T, n_features) float32."""
    mel = front_end.mel_frames(audio.stream(source, sample_rate=config.sample_rate, decoding=audio.Decoding()), config)
    start, stop = playing.span(mel, config)
    return front_end.normalise(mel[start:stop], config)


def wav_bytes(sound: Waveform, sample_rate: int) -> bytes:
    """A 16-bit mono WAV file."""
    how = Encoding(container="wav", encoder="pcm_s16le", sample_rate=sample_rate, bit_rate=16 * sample_rate)
    file = io.BytesIO()
    encoding.write(file, sound, sample_rate, how)
    return file.getvalue()


@lru_cache(maxsize=8)
def instrument_named(cache: Path, name: str) -> Instrument:
    """An instrument of this machine by its name; a sampled grand is made if it is not there yet.

    Raises
    ------
    FileNotFoundError
        If it is not there; the message names those that are.
    OSError
        If a sampled grand cannot be made.
    """
    for grand in instruments.SAMPLED_GRANDS:
        if grand.name == name:
            instruments.make(grand, cache)
    found = {instrument.name: instrument for instrument in instruments.available(cache)}
    if name not in found:
        raise FileNotFoundError(f"no instrument {name!r}; there are: {', '.join(found)}")
    return found[name]


def _compute(job: _Job) -> None:
    sound = wav_bytes(play(job.rated, job.setting, job.cache, job.span_s), SAMPLE_RATE)
    content = io.BytesIO()
    np.save(content, heard(io.BytesIO(sound), job.config), allow_pickle=False)
    replace_bytes(job.file, content.getvalue())


def _key(rated: RatedPerformance, span_s: float | None, setting: Setting, config: FeatureConfig, font: str) -> str:
    how = {**dataclasses.asdict(setting), "same_tempo": span_s, "front_end": dataclasses.asdict(config)}
    name = rated.id if setting.recorded is not None else ""  # it draws the room and the noise
    told = json.dumps([how, name, _digest(rated.midi), font, _code()], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _code() -> str:
    """Of the modules that decide how notes sound and what is heard of them."""
    sounding: tuple[types.ModuleType, ...] = (performance, keyboard, rendering, conditions, encoding)
    hearing: tuple[types.ModuleType, ...] = (audio, front_end, spectra, rows, playing)
    modules = (*sounding, *hearing)
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


@lru_cache(maxsize=512)
def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def _renderer() -> Renderer:
    return Renderer(SAMPLE_RATE)
