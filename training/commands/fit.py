"""`pkai-train fit`: train a network on the ladder; called again, it resumes. Prints the path of the best checkpoint."""

import argparse
import dataclasses
from pathlib import Path

from training.config import RunConfig
from training.fit import fit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--config", type=Path, required=True, help="YAML file, such as training/configs/apr.yaml")
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and TensorBoard logs")
    parser.add_argument("--seed", type=int, help="instead of the config's")
    parser.add_argument("--threads", type=int, help="of torch (default: every core)")


def run(args: argparse.Namespace) -> int:
    """Train; prints the path of the checkpoint that ranks the validation pieces best."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    config = RunConfig.read(args.config)
    if args.seed is not None:
        config = dataclasses.replace(config, seed=args.seed)
    print(fit(config, args.ladder, args.out))
    return 0
