"""`pkai-train scale-flaws`: fit anew what a model's told flaws mean, to the ladder as it is; scores stay the same."""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--version", required=True, help="of the model with the new scales, such as 0.4.3")
    parser.add_argument("--name", default="apr", help="of the model (default: %(default)s)")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="written in place (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Fit; prints how well each family of flaws is told in the ladder's unseen pieces. 1 if it could not."""
    from training.release import scale_flaws

    found = scale_flaws(args.model_dir, args.name, args.ladder, version=args.version)
    print(json.dumps(found, indent=2))
    return 0
