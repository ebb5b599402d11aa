"""`pkai-train export`: checkpoints to a model folder, calibrated and measured."""

import argparse
import json
import os
from pathlib import Path

from training.commands.numbers import at_least_one
from training.people import rated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("checkpoints", type=Path, nargs="+", help="of one architecture, differing in their seed")
    parser.add_argument("--rated", type=Path, required=True, help="folder with ratings.csv, as fetched")
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )
    parser.add_argument("--version", required=True, help="of the weights, such as 0.1.0")
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count(), help="processes (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Export; prints the figures that the manifest holds."""
    from training.release import release

    metrics = release(
        args.checkpoints,
        rated.read(args.rated),
        args.ladder,
        args.model_dir,
        args.cache,
        version=args.version,
        n_workers=args.workers,
    )
    print(json.dumps(metrics, indent=2))
    return 0
