"""`pkai-train references`: play and score the reference performances."""

import argparse
from pathlib import Path

from training.sound import instruments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write `references.json`; prints each reference with its scores."""
    from training.model.references import build

    models = sorted(manifest.parent.name for manifest in args.model_dir.glob("*/manifest.json"))
    if not models:
        raise FileNotFoundError(f"{args.model_dir} holds no model; export one first")
    piano = instruments.for_training(args.cache)[0]
    for reference in build(args.model_dir, models, piano):
        scores = ", ".join(f"{score:+.2f}" for score in reference.scores.values())
        print(f"{reference.name}: {scores}")
    return 0
