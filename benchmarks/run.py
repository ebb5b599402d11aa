"""`python -m benchmarks.run`: measure every part, record it in `benchmarks/results/`, and print its table.

The model is the one that `pkai score` takes (PKAI_MODEL_DIR, PKAI_MODEL); the image is what the README's `docker build`
makes, and what needs it is passed over where no engine holds it.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import engine, formats, image, lengths, profile, records, shares, starts
from benchmarks.processes import run_python
from benchmarks.publish import TABLES
from benchmarks.records import Measured
from benchmarks.spread import length

OF_THE_IMAGE = ("shares", "image")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long to measure: seconds of the recordings, and pairs of process starts."""

    short_s: float = 30
    middle_s: float = 180
    lengths_s: tuple[float, ...] = lengths.LENGTHS_S
    starts: int = 3


QUICK = Plan(short_s=10, middle_s=12, lengths_s=(10.0,), starts=1)


def parts(folder: Path, plan: Plan, image_name: str) -> dict[str, Callable[[], Measured]]:
    """What can be measured, on the recordings that `make_recordings` puts into `folder`."""
    short, middle = _recordings(folder)
    return {
        "starts": lambda: starts.measure(short, f"{length(plan.short_s)} MP3", plan.starts),
        "lengths": lambda: lengths.measure(folder, plan.lengths_s),
        "formats": lambda: formats.measure(folder, plan.short_s),
        "profile": lambda: profile.measure(middle),
        "shares": lambda: shares.measure(image_name, short, plan.short_s),
        "image": lambda: image.measure(image_name),
    }


def make_recordings(folder: Path, plan: Plan) -> None:
    """Write the recordings that parts share, and read all libraries from disk once, which no part should pay for."""
    for path, duration_s in zip(_recordings(folder), (plan.short_s, plan.middle_s), strict=True):
        run_python("-m", "benchmarks.recordings", str(path), str(duration_s))
    short, _ = _recordings(folder)
    run_python("-m", "pkai", "score", str(short), "--json")
    run_python("-m", "benchmarks.reference_design", str(short))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run",
        description="measure P-KAI, beside the reference design where it does the same",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    names = list(TABLES)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PART", help="parts to measure")
    parser.add_argument("--quick", action="store_true", help="on recordings of seconds, to see it work")
    parser.add_argument("--image", default="pkai", metavar="NAME", help="of Dockerfile.lambda, for this machine")
    parser.add_argument("--out", type=Path, default=records.FOLDER, metavar="FOLDER", help="where the records go, JSON")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Measure, record, and print the tables."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    args = build_parser().parse_args(argv)
    plan = QUICK if args.quick else Plan()
    chosen = [name for name in args.only if name not in OF_THE_IMAGE or _has_image(name, args.image)]
    with tempfile.TemporaryDirectory(prefix="pkai-benchmark-") as temporary:
        folder = Path(temporary)
        make_recordings(folder, plan)
        for name, measure in parts(folder, plan, args.image).items():
            if name in chosen:
                log.info("measuring %s", name)
                path = records.write(name, measure(), args.out)
                print("\n".join(TABLES[name](records.read(path.stem, args.out))), end="\n\n", flush=True)
    return 0


def _recordings(folder: Path) -> tuple[Path, Path]:
    return folder / "short.mp3", folder / "middle.mp3"


def _has_image(part: str, name: str) -> bool:
    there = engine.holds(name)
    if not there:
        log.info("passing over %s: no Docker engine holds an image %s for this machine (docs/benchmark.md)", part, name)
    return there


if __name__ == "__main__":
    sys.exit(main())
