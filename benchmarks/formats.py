"""Latency of a warm process by the format of the recording: the same 30 seconds each time, on one thread."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import assess_warm, run_python
from benchmarks.recordings import FORMATS
from benchmarks.records import Measured

LENGTH_S = 30.0
REPEATS = 8
_TITLES = {".mp3": "MP3", ".m4a": "M4A/AAC", ".ogg": "Ogg Opus", ".webm": "WebM Opus", ".flac": "FLAC", ".wav": "WAV"}


def measure(folder: Path, length_s: float = LENGTH_S) -> Measured:
    """Make the recording in each format in `folder`, and hear it in a process of its own."""
    return {"length_s": length_s, "rows": [_measured(folder, suffix, length_s) for suffix in FORMATS]}


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| {recorded['length_s']:g} s of | file | warm |"
    yield "|---|---|---|"
    for row in recorded["rows"]:
        yield f"| {_TITLES[row['suffix']]} | {row['bytes'] / 1e6:.1f} MB | {1e3 * row['cpu_s']:.0f} ms |"


def _measured(folder: Path, suffix: str, length_s: float) -> Measured:
    recording = folder / f"format{suffix}"
    run_python("-m", "benchmarks.recordings", str(recording), str(length_s))
    warm = assess_warm(recording, REPEATS)
    return {"suffix": suffix, "bytes": recording.stat().st_size, "wall_s": warm.wall_s, "cpu_s": warm.cpu_s}
