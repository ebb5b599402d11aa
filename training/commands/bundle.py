"""The recordings that come with the project: Für Elise at four levels of skill, on two pianos, in four file formats.

Score, expert, and flaws are ours, and both sound fonts are under the MIT licence: the recordings are free to give away.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pkai.audio import Waveform
from training.model.repertoire import play
from training.music.score import SCORES, read_score
from training.sound import conditions, encoding, instruments
from training.sound.conditions import Conditions
from training.sound.encoding import Encoding
from training.sound.instruments import Instrument
from training.sound.rendering import Renderer

# Name -> severity on the skill ladder, and the seed of a performance that both shipped models put at that level on both
# pianos. Each is slower and less even than the next better, as is usual; the ladder plays some versions too fast. The
# names sort from the best to the worst.
LEVELS = {"1-expert": (0.0, 10), "2-advanced": (0.9, 15), "3-intermediate": (1.0, 22), "4-beginner": (2.0, 11)}
SAMPLE_RATE = 22_050
_NOISE_SEED = 10


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A piano and how it is recorded.

    Attributes
    ----------
    instrument : name among `training.sound.instruments`
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


# Low rates, since the judge listens below 8 kHz and the files are kept in the repository.
FORMATS = {
    ".mp3": Encoding(container="mp3", encoder="libmp3lame", sample_rate=SAMPLE_RATE, bit_rate=32_000),
    ".m4a": Encoding(container="ipod", encoder="aac", sample_rate=SAMPLE_RATE, bit_rate=32_000),
    ".ogg": Encoding(
        container="ogg", encoder="libopus", sample_rate=48_000, bit_rate=24_000, options={"vbr": "constrained"}
    ),
    ".webm": Encoding(
        container="webm", encoder="libopus", sample_rate=48_000, bit_rate=24_000, options={"vbr": "constrained"}
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `pkai-train bundle`."""
    parser.add_argument("--out", type=Path, default=Path("events/audio"), help="folder (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of instruments (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the recordings and tell each one's length and size."""
    args.out.mkdir(parents=True, exist_ok=True)
    pianos = {piano.name: piano for piano in instruments.available(args.cache)}
    for path, waveform in recordings(args.out, pianos):
        encoding.write(path, waveform, SAMPLE_RATE, FORMATS[path.suffix])
        print(f"{path}: {len(waveform) / SAMPLE_RATE:.1f} s, {path.stat().st_size / 1000:.0f} kB")
    return 0


def recordings(folder: Path, pianos: dict[str, Instrument]) -> Iterator[tuple[Path, Waveform]]:
    """Every file to be made, with its sound.

    Parameters
    ----------
    folder : where the files will lie
    pianos : by name; those of `SETTINGS` are needed

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
    for rank, (level, (severity, seed)) in enumerate(LEVELS.items()):
        performance = play(score, severity, seed=seed)
        for name, setting in SETTINGS.items():
            sound = renderer.render(performance, pianos[setting.instrument])
            sound = conditions.record(sound, SAMPLE_RATE, setting.conditions, np.random.default_rng(_NOISE_SEED))
            yield folder / f"{score.piece}-{level}-{name}{setting.suffixes[rank]}", sound
