"""From the start of a process to its first answer, beside the reference design, on every core and on one.

After a first start of each, which compiles what it imports, the two alternate, so what else the machine does meets
both; every ratio is of neighbours.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cores, run_python
from benchmarks.records import Measured
from benchmarks.spread import spread

_IMPORTS = ("-c", "import pkai.commands, pkai.scorer")
_IMPORTS_HANDLER = ("-c", "import sys; sys.path.insert(0, 'lambda'); import handler")
_REFERENCE_IMPORTS = ("-c", "import benchmarks.reference_design")


@dataclass(frozen=True, kw_only=True)
class Start:
    """One comparison: what either side's interpreter runs, and on how many cores."""

    title: str
    ours: tuple[str, ...]
    reference: tuple[str, ...]
    n_cores: int


def measure(recording: Path, title: str, repeat: int) -> Measured:
    """Start both sides in turn: ours, reference, ours, reference.

    Parameters
    ----------
    recording : that the first answer is about
    title : of it
    repeat : pairs of runs
    """
    return {"rows": [_measured(start, repeat) for start in _starts(recording, title)]}


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table: median (min..max) of each side, and how many times more the reference needs."""
    yield "| | P-KAI | reference design | ratio |"
    yield "|---|---|---|---|"
    for row in recorded["rows"]:
        ratios = [theirs / ours for ours, theirs in zip(row["ours_s"], row["reference_s"], strict=True)]
        ours, reference = spread(row["ours_s"]), spread(row["reference_s"])
        yield f"| {row['title']} | {ours} s | {reference} s | **{spread(ratios)} ×** |"


def _starts(recording: Path, title: str) -> Iterator[Start]:
    every = len(os.sched_getaffinity(0))
    answer = ("-m", "pkai", "score", str(recording), "--json"), ("-m", "benchmarks.reference_design", str(recording))
    for what, ours in (("command line", _IMPORTS), ("Lambda handler", _IMPORTS_HANDLER)):
        yield Start(title=f"import of the {what}", ours=ours, reference=_REFERENCE_IMPORTS, n_cores=every)
    for n_cores in sorted({every, 1}, reverse=True):
        on = "1 core" if n_cores == 1 else f"{n_cores} cores"
        yield Start(title=f"first answer, {title}, {on}", ours=answer[0], reference=answer[1], n_cores=n_cores)


def _measured(start: Start, repeat: int) -> Measured:
    ours, reference = [], []
    with cores(start.n_cores):
        for side in (start.ours, start.reference):  # compiles what is imported, and fills the disk's cache
            run_python(*side)
        for _ in range(repeat):
            ours.append(run_python(*start.ours).answer_s)
            reference.append(run_python(*start.reference).answer_s)
    return {"title": start.title, "n_cores": start.n_cores, "ours_s": ours, "reference_s": reference}
