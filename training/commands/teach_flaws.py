"""`pkai-train teach-flaws`: teach a model anew to tell flaws; its scores stay the same. Called again, it resumes."""

import argparse
import json
import os
from pathlib import Path

from training.commands.numbers import at_least_one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and TensorBoard logs")
    parser.add_argument("--version", required=True, help="of the new weights, such as 0.3.1")
    parser.add_argument("--name", default="apr", help="of the model (default: %(default)s)")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="written in place (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what chance decides (default: %(default)s)")
    parser.add_argument(
        "--threads", type=at_least_one, default=os.cpu_count(), help="of all networks together (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Teach; prints how well each family of flaws is told in the ladder's unseen pieces. 1 if it could not."""
    from training.fitting.flaw_teaching import FlawTeaching
    from training.release import teach_flaws

    how = FlawTeaching(seed=args.seed)
    found = teach_flaws(
        args.model_dir, args.name, args.ladder, args.out, how, version=args.version, n_threads=args.threads
    )
    print(json.dumps(found, indent=2))
    return 0
