"""`pkai-train card`: write the model card from the manifests and the results."""

import argparse
from pathlib import Path

from training.durable import replace_text
from training.evaluation import card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument(
        "--model-dir", type=Path, default=Path("model"), help="with its folder results (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write `README.md` into the model folder."""
    replace_text(args.model_dir / "README.md", card.write(args.model_dir))
    return 0
