"""`pkai-train make-model`: the whole of training, from raw data to a model folder. Called again, it resumes.

Each step is a command of its own, which does only what is not there yet.
"""

import argparse
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands.fit import folder_of
from training.commands.numbers import at_least_one

if TYPE_CHECKING:
    from training.fitting.config import RunConfig

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--sources", type=Path, required=True, help="performances with their scores, as fetched")
    parser.add_argument("--rated", type=Path, required=True, help="folder with ratings.csv, as fetched")
    parser.add_argument(
        "--config", type=Path, default=Path("training/configs/apr.yaml"), help="of the run (default: %(default)s)"
    )
    parser.add_argument("--version", required=True, help="of the weights, such as 0.1.0")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="for checkpoints (default: %(default)s)")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="for the ladder and sampled grands (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1],
        help="of the fits; their networks are heard as one (default: 0 1)",
    )
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--no-sampled-grands", action="store_true", help="do not fetch sampled grands with npm")


def run(args: argparse.Namespace) -> int:
    """Take the steps in turn; the result of the first that fails, else 0."""
    from training.__main__ import main
    from training.fitting.config import RunConfig

    config = RunConfig.read(args.config)
    for step in _steps(args, config):
        _log.info("pkai-train %s", " ".join(step))
        if failed := main(step):
            _log.error("make-model: %s failed; the same command goes on from there", step[0])
            return failed
    return 0


def _steps(args: argparse.Namespace, config: "RunConfig") -> list[list[str]]:
    """Arguments of `pkai-train` for each step."""
    name = config.name
    ladder, cache = str(args.cache / "ladder"), ["--cache", str(args.cache)]
    workers, model = ["--workers", str(args.workers)], ["--model-dir", str(args.model_dir)]
    version, grands = ["--version", args.version], ["--no-sampled-grands"] if args.no_sampled_grands else []
    fitted, seeds = args.runs / name, [str(seed) for seed in args.seeds]
    checkpoints = [str(folder_of(fitted, seed) / "best.ckpt") for seed in args.seeds]
    # On one GPU: with several, the processes of the others would go on to the next steps beside this one.
    fits = ["--out", str(fitted), "--seeds", *seeds, "--threads", str(args.workers), "--devices", "1"]
    taught = ["--out", str(args.runs / f"{name}-flaws")]
    return [
        ["ladder", "--sources", str(args.sources), "--out", ladder, *cache, *workers, *grands],
        ["fit", "--config", str(args.config), "--ladder", ladder, *fits],
        ["export", *checkpoints, "--rated", str(args.rated), "--ladder", ladder, *model, *cache, *version, *workers],
        # A ResNet has no layers of their own for flaws.
        *(
            []
            if config.network.base == "resnet18"
            else [["teach-flaws", "--name", name, "--ladder", ladder, *taught, *model, *version]]
        ),
        ["references", *model, *cache],
    ]
