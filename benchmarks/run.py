"""`python -m benchmarks.run`: P-KAI and the reference design in turn, each in fresh processes, as ratios.

The two alternate, so what else the machine does meets both; every ratio is of neighbours, and the median is reported.
The model is the one that `pkai score` takes (PKAI_MODEL_DIR, PKAI_MODEL).
"""

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, Run, run_python

DEFAULT_RESULTS = ROOT / "benchmarks" / "results.json"
WARM_REPEATS = 4
LIBRARIES = ("numpy", "av", "onnxruntime", "torch", "librosa")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Seconds of the short, the middling and the long recording."""

    short_s: float = 30
    middle_s: float = 180
    long_s: float = 600


QUICK_LENGTHS = Lengths(short_s=10, middle_s=12, long_s=15)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison: what either side runs, and which of its figures counts.

    Attributes
    ----------
    name : for `--only`
    title, unit : for people
    ours, reference : arguments of the interpreter
    figure : from a finished process to the number; smaller is better
    once : a single pair of runs tells enough, for the figure hardly varies
    """

    name: str
    title: str
    unit: str
    ours: tuple[str, ...]
    reference: tuple[str, ...]
    figure: Callable[[Run], float]
    once: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured for one case; place k of both lists comes from neighbouring runs."""

    case: Case
    ours: list[float]
    reference: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times more the reference needs, pair by pair."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.reference, strict=True)]


def cases(folder: Path, lengths: Lengths) -> tuple[Case, ...]:
    """All comparisons, on the recordings that `make_recordings` puts into `folder`."""
    short, middle, long = (str(folder / name) for name in ("short.mp3", "middle.mp3", "long.mp3"))
    return (
        Case(
            name="imports",
            title="Process that only imports",
            unit="s",
            ours=("-c", "import pkai.commands, pkai.scorer"),
            reference=("-c", "import benchmarks.reference_design"),
            figure=lambda run: run.answer_s,
        ),
        _first_answer("first-short", short, lengths.short_s),
        _first_answer("first-middle", middle, lengths.middle_s),
        Case(
            name="warm",
            title=f"Warm, in one process, {_length(lengths.middle_s)} MP3",
            unit="s",
            ours=("-m", "benchmarks.warm", middle, "--repeat", str(WARM_REPEATS)),
            reference=("-m", "benchmarks.reference_design", middle, "--repeat", str(WARM_REPEATS)),
            figure=_warm_s,
        ),
        Case(
            name="memory",
            title=f"Peak memory, {_length(lengths.long_s)} MP3",
            unit="MB",
            ours=_score_command(long),
            reference=("-m", "benchmarks.reference_design", long),
            figure=lambda run: run.peak_mb,
            once=True,
        ),
    )


def make_recordings(folder: Path, lengths: Lengths) -> None:
    """Write `short.mp3`, `middle.mp3` and `long.mp3`."""
    for name, duration_s in (("short", lengths.short_s), ("middle", lengths.middle_s), ("long", lengths.long_s)):
        run_python("-m", "benchmarks.recordings", str(folder / f"{name}.mp3"), str(duration_s))


def measure(case: Case, repeat: int) -> Result:
    """Run both sides in turn: ours, reference, ours, reference."""
    result = Result(case=case, ours=[], reference=[])
    for k in range(1 if case.once else repeat):
        result.ours.append(case.figure(run_python(*case.ours)))
        result.reference.append(case.figure(run_python(*case.reference)))
        log.info("%s %d: %.2f %s, reference %.2f %s", case.name, k + 1, result.ours[-1], case.unit,
                 result.reference[-1], case.unit)  # fmt: skip
    return result


def table(results: list[Result]) -> Iterator[str]:
    """Lines of a Markdown table: median (min..max) of each side, and how many times more the reference needs."""
    yield "| | P-KAI | reference design | ratio |"
    yield "|---|---|---|---|"
    for result in results:
        unit = result.case.unit
        ours, reference = _spread(result.ours), _spread(result.reference)
        yield f"| {result.case.title} | {ours} {unit} | {reference} {unit} | **{_spread(result.ratios)} ×** |"


def record(results: list[Result], *, repeat: int, lengths: Lengths) -> dict[str, Any]:
    """All that was measured, and on what."""
    return {
        "schema": 1,
        "machine": {"cpu": _cpu_name(), "cores": len(os.sched_getaffinity(0)), "platform": platform.platform()},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "repeat": repeat,
        "lengths_s": vars(lengths),
        "cases": {
            result.case.name: {
                "title": result.case.title,
                "unit": result.case.unit,
                "ours": result.ours,
                "reference": result.reference,
                "ratio": {
                    "median": statistics.median(result.ratios),
                    "min": min(result.ratios),
                    "max": max(result.ratios),
                },
            }
            for result in results
        },
    }


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that `path` holds either the old content or all of the new."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="measure P-KAI beside the reference design",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    names = [case.name for case in cases(Path(), Lengths())]
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="pairs of runs for each case")
    parser.add_argument("--quick", action="store_true", help="one pair each on recordings of seconds, to see it work")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="CASE", help="cases to measure")
    parser.add_argument("--out", type=Path, default=DEFAULT_RESULTS, metavar="FILE", help="where the results go, JSON")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table, record the results."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    args = build_parser().parse_args(argv)
    repeat, lengths = (1, QUICK_LENGTHS) if args.quick else (args.repeat, Lengths())
    with tempfile.TemporaryDirectory(prefix="pkai-benchmark-") as name:
        folder = Path(name)
        make_recordings(folder, lengths)
        chosen = [case for case in cases(folder, lengths) if case.name in args.only]
        if not args.quick:
            _warm_disk_cache(folder)
        results = [measure(case, repeat) for case in chosen]
    write_atomically(args.out, record(results, repeat=repeat, lengths=lengths))
    print("\n".join(table(results)))
    return 0


def _first_answer(name: str, recording: str, duration_s: float) -> Case:
    return Case(
        name=name,
        title=f"Process start to first answer, {_length(duration_s)} MP3",
        unit="s",
        ours=_score_command(recording),
        reference=("-m", "benchmarks.reference_design", recording),
        figure=lambda run: run.answer_s,
    )


def _score_command(recording: str) -> tuple[str, ...]:
    return ("-m", "pkai", "score", recording, "--json")


def _warm_s(run: Run) -> float:
    """Median of all assessments in a process but the first."""
    seconds: list[float] = json.loads(run.answer)["seconds"]
    return statistics.median(seconds[1:])


def _warm_disk_cache(folder: Path) -> None:
    """Neither side should pay for reading its libraries from disk, or for compiling to bytecode, in one run only."""
    run_python(*_score_command(str(folder / "short.mp3")))
    run_python("-m", "benchmarks.reference_design", str(folder / "short.mp3"))


def _spread(values: list[float]) -> str:
    """Median, with the extremes if there are several values."""
    digits = 2 if statistics.median(values) < 10 else 0
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def _length(duration_s: float) -> str:
    return f"{duration_s / 60:g} min" if duration_s % 60 == 0 else f"{duration_s:g} s"


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    sys.exit(main())
