"""`pkai-train recalibrate`: fit anew what a model's scores mean to people; its scores stay the same."""

import argparse
import json
import os
from pathlib import Path

from training.commands.numbers import at_least_one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched")
    parser.add_argument("--version", required=True, help="of the model with the new ratings and odds, such as 0.4.4")
    parser.add_argument("--name", default="apr", help="of the model (default: %(default)s)")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="written in place (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of sampled grands (default: %(default)s)")
    parser.add_argument(
        "--workers", type=at_least_one, default=os.cpu_count(), help="for rendering (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Fit; prints how the model agrees with people. 1 if it could not."""
    from training.people import rated
    from training.release import recalibrate

    found = recalibrate(
        rated.read(args.rated), args.model_dir, args.name, args.cache, version=args.version, n_workers=args.workers
    )
    print(json.dumps(found, indent=2))
    return 0
