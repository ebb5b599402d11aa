"""`python -m benchmarks.lengths`: latency, memory and price of one assessment by the length of the recording.

The price is AWS Lambda's for arm64, an input: what is billed is the memory that is set times the time that it takes.
One thread, as the memory that is set buys one vCPU. Time is the process's CPU time: beside other programs the wall
clock tells of them.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import run_python

LENGTHS_S = (10, 30, 180, 600, 1200)
MEMORY_MB = 1769  # one whole vCPU
# US East, read 2026-11.
USD_PER_GB_S = 0.0000133334
USD_PER_REQUEST = 0.20 / 1e6


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One length: seconds of the recording and of a warm assessment, and the process's peak in 10^6 bytes."""

    length_s: float
    warm_s: float
    peak_mb: float

    def usd_per_1000(self, *, usd_per_gb_s: float, usd_per_request: float) -> float:
        """What Lambda bills for a thousand of them, in US dollars."""
        return 1000 * (self.warm_s * MEMORY_MB / 1024 * usd_per_gb_s + usd_per_request)


def measure(folder: Path, length_s: float) -> Measured:
    """Make a recording of that length, and assess it in a process of its own."""
    recording = folder / f"{length_s:g}.mp3"
    run_python("-m", "benchmarks.recordings", str(recording), str(length_s))
    run = run_python("-m", "benchmarks.warm", str(recording), "--repeat", "3")
    seconds: list[float] = json.loads(run.answer)["cpu_seconds"]
    return Measured(length_s=length_s, warm_s=min(seconds[1:]), peak_mb=run.peak_mb)


def table(measured: list[Measured], *, usd_per_gb_s: float, usd_per_request: float) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| recording | warm | per minute of it | peak memory | 1,000 of them |"
    yield "|---|---|---|---|---|"
    for one in measured:
        length = f"{one.length_s / 60:g} min" if one.length_s >= 60 else f"{one.length_s:g} s"
        usd = one.usd_per_1000(usd_per_gb_s=usd_per_gb_s, usd_per_request=usd_per_request)
        per_minute = one.warm_s * 60 / one.length_s
        yield f"| {length} | {one.warm_s:.2f} s | {per_minute:.2f} s | {one.peak_mb:.0f} MB | ${usd:.4f} |"


def main(argv: list[str] | None = None) -> int:
    """Measure each length and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lengths", description="latency, memory and price")
    parser.add_argument("--usd-per-gb-s", type=float, default=USD_PER_GB_S, help="default: %(default)s")
    parser.add_argument("--usd-per-request", type=float, default=USD_PER_REQUEST, help="default: %(default)s")
    args = parser.parse_args(argv)
    os.environ["PKAI_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="pkai-benchmark-") as name:
        measured = [measure(Path(name), length_s) for length_s in LENGTHS_S]
    print("\n".join(table(measured, usd_per_gb_s=args.usd_per_gb_s, usd_per_request=args.usd_per_request)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
