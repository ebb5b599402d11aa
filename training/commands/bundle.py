"""The recordings that come with the project: Für Elise at four levels of skill, on two pianos, in four file formats.

Score, expert, and flaws are ours, and both sound fonts are under the MIT licence: the recordings are free to give away.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import av
import numpy as np

from pkai.audio import Waveform
from training import conditions, instruments
from training.conditions import Conditions
from training.expression import perform
from training.instruments import Instrument
from training.performance import Performance
from training.rendering import Renderer
from training.score import SCORES, Score, read_score
from training.skill_ladder import KINDS, Flaws, degrade

# Name -> severity on the skill ladder. The names sort from the best to the worst.
LEVELS = {"1-expert": 0.0, "2-advanced": 0.35, "3-intermediate": 0.7, "4-beginner": 1.1}
# Slower players stop at an earlier phrase, so that all files are quick to score and small.
LONGEST_S = 32.0
SAMPLE_RATE = 22_050
# With this one every level is slower than the next better, as is usual; the ladder plays some versions too fast.
SEED = 16


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A piano and how it is recorded.

    Attributes
    ----------
    instrument : name among `training.instruments`
    conditions : room and microphone
    suffixes : file format of each of `LEVELS`
    """

    instrument: str
    conditions: Conditions
    suffixes: tuple[str, ...]


SETTINGS = {
    "grand": Setting(
        instrument="fluid-0",
        conditions=Conditions(reverb_s=0.9, reverb_share=0.12, noise_db=60.0),
        suffixes=(".mp3", ".m4a", ".mp3", ".m4a"),
    ),
    "bright": Setting(
        instrument="musescore-1",
        conditions=Conditions(
            reverb_s=0.4, reverb_share=0.25, low_cut_hz=90.0, high_cut_hz=9000.0, noise_db=42.0, peak=0.5
        ),
        suffixes=(".ogg", ".webm", ".ogg", ".webm"),
    ),
}


@dataclass(frozen=True)
class _Format:
    container: str
    encoder: str
    sample_rate: int
    bit_rate: int
    options: dict[str, str] = field(default_factory=dict)


# Low rates, since the judge listens below 8 kHz and the files are kept in the repository.
_FORMATS = {
    ".mp3": _Format("mp3", "libmp3lame", SAMPLE_RATE, 32_000),
    ".m4a": _Format("ipod", "aac", SAMPLE_RATE, 32_000),
    ".ogg": _Format("ogg", "libopus", 48_000, 24_000, {"vbr": "constrained"}),
    ".webm": _Format("webm", "libopus", 48_000, 24_000, {"vbr": "constrained"}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pkai-train bundle`."""
    parser.add_argument("--out", type=Path, default=Path("events/audio"), help="folder (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of instruments (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="of everything drawn (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write the recordings and tell each one's length and size."""
    args.out.mkdir(parents=True, exist_ok=True)
    pianos = {piano.name: piano for piano in instruments.available(args.cache)}
    for path, waveform in recordings(args.out, pianos, seed=args.seed):
        encode(waveform, path)
        print(f"{path}: {len(waveform) / SAMPLE_RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB")
    return 0


def recordings(folder: Path, pianos: dict[str, Instrument], *, seed: int) -> Iterator[tuple[Path, Waveform]]:
    """Every file to be made, with its sound.

    Parameters
    ----------
    folder : where the files will lie
    pianos : by name; those of `SETTINGS` are needed
    seed : the same gives the same sound

    Raises
    ------
    FileNotFoundError
        If a piano is missing.
    """
    if missing := {setting.instrument for setting in SETTINGS.values()} - pianos.keys():
        raise FileNotFoundError(
            f"no sound font for {', '.join(sorted(missing))}; install FluidR3 and MuseScore General"
        )
    score = read_score(SCORES / "fur_elise.txt")
    renderer = Renderer(SAMPLE_RATE)
    for rank, (level, severity) in enumerate(LEVELS.items()):
        performance = play(score, severity, seed=seed + rank)
        for name, setting in SETTINGS.items():
            sound = renderer.render(performance, pianos[setting.instrument])
            sound = conditions.record(sound, SAMPLE_RATE, setting.conditions, np.random.default_rng(seed))
            yield folder / f"{score.piece}-{level}-{name}{setting.suffixes[rank]}", sound


def play(score: Score, severity: float, *, seed: int) -> Performance:
    """Play as much of a score as fits into `LONGEST_S`, up to the end of a phrase, with every kind of flaw alike."""
    flaws = Flaws(dict.fromkeys(KINDS, severity))
    for n_phrases in range(len(score.phrases), 0, -1):
        rng = np.random.default_rng(seed)
        performance = degrade(perform(score.first_phrases(n_phrases), rng=rng), flaws, rng).performance
        if performance.duration_s <= LONGEST_S:
            return performance
    raise ValueError(f"not even the first phrase of {score.title} fits into {LONGEST_S:.0f} s")


def encode(waveform: Waveform, path: Path) -> None:
    """Write a recording in the format that the suffix of `path` names, to the same bytes each time.

    Parameters
    ----------
    waveform : (n,) float32 mono at `SAMPLE_RATE`, within -1..1
    path : ends in .mp3, .m4a, .ogg or .webm
    """
    form = _FORMATS[path.suffix]
    # Without bitexact, Ogg and WebM draw random stream numbers.
    with av.open(path, "w", format=form.container, options={"fflags": "+bitexact"}) as out:
        stream = cast(
            av.AudioStream, out.add_stream(form.encoder, rate=form.sample_rate, layout="mono", options=form.options)
        )
        stream.bit_rate = form.bit_rate
        frame = av.AudioFrame.from_ndarray(waveform[None, :], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler(stream.format, "mono", form.sample_rate, frame_size=stream.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
