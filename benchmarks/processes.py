"""Start a program afresh and measure it from outside: time to its first answer, peak memory."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).resolve().parent.parent


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


def run_python(*arguments: str) -> Run:
    """Run this Python interpreter in a new process at the root of the project.

    Linux counts what the calling process holds into the peak of the new one, so the caller should hold little.

    Raises
    ------
    RuntimeError
        If the process fails; what it said about it is on stderr.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "lambda"), str(ROOT)])}
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
