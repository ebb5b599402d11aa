"""Latency and memory of a warm process by the length of the recording, and what Lambda bills for it.

P-KAI runs on one thread, as the memory that is set buys one vCPU; the reference design, beside it in turn, on every
core. Ours is measured in CPU time as well: beside other programs the wall clock tells of them. The reference design
needs a minute and a half for 20 minutes of music, so it is asked up to 3 minutes repeatedly, and once about 10.
"""

import dataclasses
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks.price import usd_per_1000
from benchmarks.processes import assess_warm, run_python
from benchmarks.records import Measured
from benchmarks.spread import length

LENGTHS_S = (10.0, 30.0, 180.0, 600.0, 1200.0)
# How often the reference design hears each length in its process; the first time is cold.
REFERENCE_REPEATS = {10.0: 4, 30.0: 4, 180.0: 3, 600.0: 1}
REPEATS = 5


def measure(folder: Path, lengths_s: tuple[float, ...] = LENGTHS_S) -> Measured:
    """Make a recording of each length in `folder`, and let both sides hear it, each in a process of its own."""
    return {"rows": [_measured(folder, length_s) for length_s in lengths_s]}


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| recording | warm | a minute of it | reference | ratio | peak memory | reference | 1,000 of them |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in recorded["rows"]:
        cpu_s, reference = row["ours"]["cpu_s"], row["reference"]
        theirs, ratio, their_mb = "", "", ""
        if reference:
            theirs, ratio = f"{reference['wall_s']:.1f} s", f"**{reference['wall_s'] / row['ours']['wall_s']:.0f} ×**"
            their_mb = f"{reference['peak_mb']:.0f} MB"
        yield (
            f"| {length(row['length_s'])} | {cpu_s:.2f} s | {cpu_s * 60 / row['length_s']:.2f} s | {theirs} | {ratio} "
            f"| {row['ours']['peak_mb']:.0f} MB | {their_mb} | ${usd_per_1000(cpu_s):.4f} |"
        )


def _measured(folder: Path, length_s: float) -> Measured:
    recording = folder / f"{length_s:g}.mp3"
    run_python("-m", "benchmarks.recordings", str(recording), str(length_s))
    return {
        "length_s": length_s,
        "ours": dataclasses.asdict(assess_warm(recording, REPEATS)),
        "reference": _reference(recording, REFERENCE_REPEATS.get(length_s, 0)),
    }


def _reference(recording: Path, repeat: int) -> Measured | None:
    if not repeat:
        return None
    run = run_python("-m", "benchmarks.reference_design", str(recording), "--repeat", str(repeat))
    seconds: list[float] = json.loads(run.answer)["seconds"]
    return {"wall_s": statistics.median(seconds[1:] or seconds), "peak_mb": run.peak_mb}
