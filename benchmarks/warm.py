"""Judge one recording several times in one process, as a warm service does."""

import argparse
import json
import sys
import time
from pathlib import Path

from pkai.scorer import Judge
from pkai.settings import Settings


def main(argv: list[str] | None = None) -> int:
    """Print the score of a recording as JSON, with the time and the CPU time of each of `--repeat` assessments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description="time assessments in one process")
    parser.add_argument("file", type=Path, help="recording")
    parser.add_argument("--repeat", type=int, default=3, help="assessments (default: %(default)s)")
    args = parser.parse_args(argv)
    settings = Settings.from_env()
    judge = Judge.load(settings.model_root, settings.model, n_threads=settings.n_threads)
    seconds, cpu_seconds = [], []
    for _ in range(args.repeat):
        start, cpu_start = time.perf_counter(), time.process_time()
        assessment = judge.assess(args.file)
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    print(json.dumps({"score": assessment.score, "seconds": seconds, "cpu_seconds": cpu_seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
