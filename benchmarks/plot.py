"""The picture of what was measured: first answer, latency and memory by length, and latency by the share of a vCPU."""

import statistics
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import records
from benchmarks.records import Measured
from benchmarks.spread import length

_OURS, _REFERENCE = "#1f6f8b", "#b8b8b8"
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
}


def draw(path: Path, folder: Path = records.FOLDER) -> None:
    """Draw the records of `folder` into a PNG."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 7.6), layout="constrained")
        (first, warm), (memory, share) = figure.subplots(2, 2)
        by_length = records.read("lengths", folder)
        _first_answer(first, records.read("starts", folder))
        _warm(warm, by_length)
        _memory(memory, by_length)
        _share(share, records.read("shares", folder))
        figure.savefig(path, dpi=130, metadata={"Software": None})


def _first_answer(axes: Axes, recorded: Measured) -> None:
    rows = [row for row in recorded["rows"] if row["title"].startswith("first answer")]
    places = range(len(rows))
    for offset, key, colour, name in ((-0.2, "ours_s", _OURS, "P-KAI"), (0.2, "reference_s", _REFERENCE, "reference")):
        seconds = [statistics.median(row[key]) for row in rows]
        bars = axes.barh([k + offset for k in places], seconds, 0.38, color=colour)
        axes.bar_label(bars, fmt=f"%.1f s  {name}", padding=4)
    axes.set_yticks(list(places), [row["title"].removeprefix("first answer, ").replace(", ", "\n") for row in rows])
    axes.invert_yaxis()
    axes.set(title="Process start to first answer", xlabel="seconds")
    axes.margins(x=0.35)


def _warm(axes: Axes, recorded: Measured) -> None:
    rows = recorded["rows"]
    compared = [row for row in rows if row["reference"]]
    axes.loglog(_lengths(rows), [row["ours"]["wall_s"] for row in rows], "o-", color=_OURS, label="P-KAI, one thread")
    axes.loglog(
        _lengths(compared), [row["reference"]["wall_s"] for row in compared], "s-", color=_REFERENCE,
        label="reference design, every core",
    )  # fmt: skip
    _by_length(axes, rows)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(title="Warm answer by length of the recording", ylabel="seconds")
    axes.legend(frameon=False)


def _memory(axes: Axes, recorded: Measured) -> None:
    rows = recorded["rows"]
    compared = [row for row in rows if row["reference"]]
    axes.semilogx(_lengths(rows), [row["ours"]["peak_mb"] for row in rows], "o-", color=_OURS, label="P-KAI")
    peaks = [row["reference"]["peak_mb"] for row in compared]
    axes.semilogx(_lengths(compared), peaks, "s-", color=_REFERENCE, label="reference design")
    _by_length(axes, rows)
    axes.set(title="Peak memory by length of the recording", ylabel="MB", ylim=(0, 1.3 * max(peaks)))
    axes.legend(frameon=False)


def _share(axes: Axes, recorded: Measured) -> None:
    rows = recorded["rows"]
    warm = [statistics.median(row["warm_s"]) for row in rows]
    first = [statistics.median(row["first_s"]) for row in rows]
    places = range(len(rows))
    for offset, values, colour, name in ((-0.2, first, _REFERENCE, "first"), (0.2, warm, _OURS, "warm")):
        bars = axes.bar([k + offset for k in places], values, 0.38, color=colour)
        axes.bar_label(bars, fmt=f"%.2f\n{name}", padding=2)
    axes.set_xticks(list(places), [f"{row['vcpus']:g} vCPU\n{row['memory_mb']} MB" for row in rows])
    axes.set(title=f"The image's answer about {recorded['length_s']:g} s by vCPU share", ylabel="seconds")
    axes.margins(y=0.25)


def _lengths(rows: list[Measured]) -> list[float]:
    return [row["length_s"] for row in rows]


def _by_length(axes: Axes, rows: list[Measured]) -> None:
    axes.set_xticks(_lengths(rows), [length(length_s) for length_s in _lengths(rows)], fontsize="small")
    axes.minorticks_off()
    axes.grid(axis="y", color="#eeeeee")
