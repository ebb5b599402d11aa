"""`pkai-train fit`: train networks on the ladder; called again, it resumes. Prints the path of each best checkpoint."""

import argparse
import dataclasses
import functools
import os
from pathlib import Path

from training.commands.numbers import at_least_one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--config", type=Path, required=True, help="YAML file, such as training/configs/apr.yaml")
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and TensorBoard logs")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=int, help="instead of the config's")
    seeds.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        help="a network of each, side by side; seed 0 into OUT-0, and so on",
    )
    parser.add_argument(
        "--threads", type=at_least_one, default=os.cpu_count(), help="of all networks together (default: %(default)s)"
    )
    parser.add_argument(
        "--devices", type=at_least_one, metavar="N", help="GPUs that a network is trained on (default: all there are)"
    )


def run(args: argparse.Namespace) -> int:
    """Train; prints the path of each checkpoint that ranks the validation pieces best. 1 if it could not."""
    from training.fitting.config import RunConfig
    from training.fitting.fit import fit
    from training.fitting.side_by_side import train_all

    config = RunConfig.read(args.config)
    seeds = args.seeds or [config.seed if args.seed is None else args.seed]
    outs = [folder_of(args.out, seed) for seed in args.seeds] if args.seeds else [args.out]
    runs = [dataclasses.replace(config, seed=seed) for seed in seeds]
    jobs = [(run, args.ladder, out) for run, out in zip(runs, outs, strict=True)]
    best = train_all(functools.partial(fit, n_devices=args.devices), jobs, n_threads=args.threads)
    print(*best, sep="\n")
    return 0


def folder_of(out: Path, seed: int) -> Path:
    """Where the network of one of several seeds is kept."""
    return out.with_name(f"{out.name}-{seed}")
