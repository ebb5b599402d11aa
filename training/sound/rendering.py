"""Performances to audio with FluidSynth, each worker keeping its sound fonts loaded."""

import contextlib
import ctypes
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pkai.audio import Waveform
from training.music import keyboard
from training.music.performance import Performance
from training.sound.instruments import Instrument

if TYPE_CHECKING:
    import fluidsynth

_TAIL_S = 1.5  # the last notes ring on
_SHORTEST_S = 0.02


class Renderer:
    """FluidSynth with the sound fonts that it was asked for so far; not for sharing between threads.

    Every performance is played by a new synthesizer, for one that has played is never again as it was: its dither goes
    on, and a voice begins as loud as it ended. The first one of a sound font is kept, and with it the samples.

    Parameters
    ----------
    sample_rate : Hz

    Raises
    ------
    FileNotFoundError
        If FluidSynth is not on this machine.
    """

    def __init__(self, sample_rate: int = 44_100) -> None:
        _fluidsynth()
        self.sample_rate = sample_rate
        self._kept: dict[Path, fluidsynth.Synth] = {}

    def render(
        self,
        performance: Performance,
        instrument: Instrument,
        *,
        tuning_cents: float = 0.0,
        key_cents: npt.NDArray[np.float64] | None = None,
    ) -> Waveform:
        """Play a performance on an instrument, without reverb or chorus.

        Parameters
        ----------
        performance : of one pianist
        instrument : what to play on
        tuning_cents : how far the whole instrument is out of tune
        key_cents : (128,) how far each key is, besides, or None for none

        Returns
        -------
        (n,) float32 mono, peak 0.7

        Raises
        ------
        FileNotFoundError
            If FluidSynth cannot load the instrument's sound font.
        """
        if instrument.soundfont not in self._kept:
            self._kept[instrument.soundfont] = _synth(instrument.soundfont, self.sample_rate)
        synth = _synth(instrument.soundfont, self.sample_rate)
        try:
            synth.program_change(0, instrument.program)
            synth.pitch_bend(0, round(tuning_cents / 200 * 8192))
            _tune(synth, np.zeros(_N_KEYS) if key_cents is None else key_cents)
            stereo = _samples(synth, _schedule(performance, self.sample_rate), round(_TAIL_S * self.sample_rate))
        finally:
            synth.delete()
        mono = stereo.mean(axis=1, dtype=np.float32)
        return np.asarray(mono * np.float32(0.7 / max(1.0, float(np.abs(mono).max()))), np.float32)


def _fluidsynth() -> ModuleType:
    with contextlib.redirect_stdout(sys.stderr):  # under CI it prints where it lies, and stdout is for results
        try:
            return importlib.import_module("fluidsynth")
        except ImportError as err:  # its Python package is a dependency; the library that it calls is the system's
            raise FileNotFoundError(
                "FluidSynth is not on this machine; install it (Debian: fluidsynth, Homebrew: fluid-synth)"
            ) from err


def _synth(soundfont: Path, sample_rate: int) -> "fluidsynth.Synth":
    synth: fluidsynth.Synth = _fluidsynth().Synth(gain=0.4, samplerate=sample_rate, channels=16)
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    synth.setting("synth.polyphony", 192)
    font = synth.sfload(str(soundfont))
    if font == -1:
        synth.delete()
        raise FileNotFoundError(f"FluidSynth cannot load the sound font {soundfont}")
    synth.sfont_select(0, font)
    return synth


_N_KEYS = 128
_PEDAL, _OFF, _ON = 0, 1, 2


def _tune(synth: "fluidsynth.Synth", key_cents: npt.NDArray[np.float64]) -> None:
    pitches = (ctypes.c_double * _N_KEYS)(*(100 * np.arange(_N_KEYS) + key_cents))
    library = _fluidsynth()
    library.fluid_synth_activate_key_tuning(synth.synth, 0, 0, b"keys", pitches, 0)
    library.fluid_synth_activate_tuning(synth.synth, 0, 0, 0, 0)


def _samples(
    synth: "fluidsynth.Synth", schedule: list[tuple[int, tuple[int, int, int]]], n_tail: int
) -> npt.NDArray[np.int16]:
    """(n, 2) what the synthesizer plays of a schedule, and so many samples more."""
    parts: list[npt.NDArray[np.int16]] = []
    position = 0
    for sample, message in schedule:
        if sample > position:
            parts.append(synth.get_samples(sample - position))
            position = sample
        _play(synth, message)
    return np.concatenate([*parts, synth.get_samples(n_tail)]).reshape(-1, 2)


def _schedule(performance: Performance, sample_rate: int) -> list[tuple[int, tuple[int, int, int]]]:
    """(sample, (kind, pitch or 0, velocity or value)) in the order of playing; at one time pedal, releases, attacks."""
    notes = performance.notes
    events = [(time_s, (_PEDAL, 0, value)) for time_s, value in performance.pedal.tolist()]
    # FluidSynth's release of a key ends every stroke of it, the later ones too.
    lengths = keyboard.freed(notes["onset_s"], np.maximum(notes["duration_s"], _SHORTEST_S), notes["pitch"])
    for (onset_s, _, pitch, velocity), length_s in zip(notes.tolist(), lengths.tolist(), strict=True):
        events.append((onset_s, (_ON, pitch, velocity)))
        events.append((onset_s + length_s, (_OFF, pitch, 0)))
    return sorted((round(time_s * sample_rate), message) for time_s, message in events)


def _play(synth: "fluidsynth.Synth", message: tuple[int, int, int]) -> None:
    kind, pitch, value = message
    if kind == _PEDAL:
        synth.cc(0, 64, value)
    elif kind == _ON:
        synth.noteon(0, pitch, value)
    else:
        synth.noteoff(0, pitch)
