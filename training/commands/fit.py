"""`pkai-train fit`: train a network on the ladder; called again, it resumes. Prints the path of the best checkpoint."""

import argparse
import dataclasses
import logging
from pathlib import Path

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--config", type=Path, required=True, help="YAML file, such as training/configs/apr.yaml")
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and TensorBoard logs")
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument("--threads", type=int, help="of torch (default: every core)")


def run(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint that ranks the validation pieces best. 1 if it could not start."""
    import torch

    from training.fitting.config import RunConfig
    from training.fitting.fit import fit

    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        config = RunConfig.read(args.config)
        if args.seed is not None:
            config = dataclasses.replace(config, seed=args.seed)
        best = fit(config, args.ladder, args.out)
    except (ValueError, OSError) as err:
        _log.error("fit: %s", err)
        return 1
    print(best)
    return 0
