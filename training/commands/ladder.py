"""`pkai-train ladder`: build the skill ladder on disk."""

import argparse
import os
from pathlib import Path

from training.commands.numbers import at_least_one
from training.ladder import excerpts, shards
from training.ladder.shards import LadderConfig
from training.sound import instruments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--sources", type=Path, required=True, help="folder with performances.csv, as fetched")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards; those that are there are kept")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder for sampled grands (default: %(default)s)"
    )
    parser.add_argument("--shards", type=int, default=LadderConfig.n_shards, help="default: %(default)s")
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--no-sampled-grands", action="store_true", help="do not fetch sampled grands with npm")


def run(args: argparse.Namespace) -> int:
    """Build what is missing; 0 when all shards are there."""
    if not args.no_sampled_grands:
        instruments.make_all(args.cache)
    sources = excerpts.read_sources(args.sources)
    shards.build(sources, args.out, args.cache, LadderConfig(n_shards=args.shards), n_workers=args.workers)
    return 0
