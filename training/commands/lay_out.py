"""`pkai-train lay-out`: a model's graphs anew from its own weights; its answers stay the same but for rounding."""

import argparse
import logging
from pathlib import Path

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--name", default="apr", help="of the model (default: %(default)s)")
    parser.add_argument("--version", required=True, help="of the new graphs, such as 0.4.2")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="written in place (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Write the graphs; 1 if they could not be written."""
    from training.release import lay_out

    lay_out(args.model_dir, args.name, version=args.version)
    _log.info("%s %s is written; score the references anew: pkai-train references", args.name, args.version)
    return 0
