"""Recordings to measure with: a made-up piano piece of any length, in the formats that people send."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av
import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]

SAMPLE_RATE = 44_100
BIT_RATE = 128_000
_PHRASE_S = 20
_NOTE_S = 2.0
_NOTES_PER_S = 5
_N_PARTIALS = 8
_CHUNK_SAMPLES = 1152 * 64  # whole MP3 frames


# By suffix: container, codec, and the rate that the codec asks for.
FORMATS = {
    ".mp3": ("mp3", "libmp3lame", SAMPLE_RATE),
    ".m4a": ("mp4", "aac", SAMPLE_RATE),
    ".ogg": ("ogg", "libopus", 48_000),
    ".webm": ("webm", "libopus", 48_000),
    ".flac": ("flac", "flac", SAMPLE_RATE),
    ".wav": ("wav", "pcm_s16le", SAMPLE_RATE),
}


def write(path: Path, duration_s: float) -> None:
    """Write a phrase, over and over, as a stereo recording of `duration_s` seconds, in the format of the suffix."""
    container_format, codec, rate = FORMATS[path.suffix]
    with av.open(str(path), "w", format=container_format) as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate))
        stream.layout = "stereo"
        stream.bit_rate = BIT_RATE
        for chunk in _chunks(_phrase(), round(duration_s * SAMPLE_RATE)):
            frame = av.AudioFrame.from_ndarray(np.stack([chunk, chunk]), format="fltp", layout="stereo")
            frame.sample_rate = SAMPLE_RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _phrase() -> Waveform:
    """Seeded random notes, each a sum of partials that die away; the end rings into the beginning."""
    rng = np.random.default_rng(0)
    n_samples = _PHRASE_S * SAMPLE_RATE
    phrase = np.zeros(n_samples, np.float32)
    for k in range(_PHRASE_S * _NOTES_PER_S):
        note = _note(440 * 2 ** (rng.integers(-24, 25) / 12)) * rng.uniform(0.3, 1.0)
        start = k * SAMPLE_RATE // _NOTES_PER_S
        phrase[(start + np.arange(len(note))) % n_samples] += note.astype(np.float32)
    return phrase * np.float32(0.7 / np.abs(phrase).max())


def _note(pitch_hz: float) -> Waveform:
    t = np.arange(round(_NOTE_S * SAMPLE_RATE)) / SAMPLE_RATE
    partials = np.arange(1, _N_PARTIALS + 1)[:, None]
    tones = np.sin(2 * np.pi * pitch_hz * partials * t) * np.exp(-2.5 * t * partials**0.5) / partials
    attack = np.minimum(1.0, t / 0.005)
    return cast(Waveform, (attack * tones.sum(axis=0)).astype(np.float32))


def _chunks(phrase: Waveform, n_samples: int) -> Iterator[Waveform]:
    for start in range(0, n_samples, _CHUNK_SAMPLES):
        places = np.arange(start, min(start + _CHUNK_SAMPLES, n_samples))
        yield phrase[places % len(phrase)]


def main(argv: list[str] | None = None) -> int:
    """Write one recording; a process of its own keeps the measuring one slim."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recordings", description="make a recording to measure with"
    )
    parser.add_argument("file", type=Path, help=f"to write: {', '.join(FORMATS)}")
    parser.add_argument("duration_s", type=float, help="its length in seconds")
    args = parser.parse_args(argv)
    write(args.file, args.duration_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
