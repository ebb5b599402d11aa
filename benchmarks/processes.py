"""Start a program afresh, on some cores or all, and measure from outside: time to its first answer, peak memory."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).resolve().parent.parent
# Of numpy's products and torch's: as few as there are cores.
ONE_THREAD = {"PKAI_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One finished process.

    Attributes
    ----------
    answer : its standard output
    answer_s : seconds from starting it to its first line, or to its end if it says nothing
    peak_mb : its largest resident set, in 10^6 bytes
    """

    answer: str
    answer_s: float
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class Warm:
    """Assessments in one process after its first: median seconds by the clock and of CPU time, and peak memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def assess_warm(recording: Path, repeat: int) -> Warm:
    """Let a process of its own assess a recording so often, on one thread."""
    run = run_python("-m", "benchmarks.warm", str(recording), "--repeat", str(repeat), environment=ONE_THREAD)
    told = json.loads(run.answer)
    return Warm(
        wall_s=statistics.median(told["seconds"][1:]),
        cpu_s=statistics.median(told["cpu_seconds"][1:]),
        peak_mb=run.peak_mb,
    )


def run_python(*arguments: str, environment: Mapping[str, str] | None = None) -> Run:
    """Run this Python interpreter in a new process at the root of the project.

    Parameters
    ----------
    arguments : of the interpreter
    environment : added to this process's own

    Bytecode is kept from one process to the next, whatever this machine's setting: the image brings its own along.
    Linux counts what the calling process holds into the peak of the new one, so the caller should hold little.

    Raises
    ------
    RuntimeError
        If the process fails; what it said about it is on stderr.
    """
    paths = os.pathsep.join([str(ROOT / "lambda"), str(ROOT)])
    bytecode = {"PYTHONPYCACHEPREFIX": _bytecode().name, "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **bytecode, **(environment or {}), "PYTHONPATH": paths}
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as process:
        stdout = cast(IO[str], process.stdout)
        first_line = stdout.readline()
        answer_s = time.perf_counter() - start
        answer = first_line + stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"python {' '.join(arguments)} ended with exit code {process.returncode}")
    return Run(answer=answer, answer_s=answer_s, peak_mb=usage.ru_maxrss * 1024 / 1e6)


@lru_cache(maxsize=1)
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed when this process ends."""
    return tempfile.TemporaryDirectory(prefix="pkai-bytecode-")


@contextmanager
def cores(n_cores: int) -> Iterator[None]:
    """Let this process and those that it starts run on so many cores only, while the block lasts."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:n_cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
