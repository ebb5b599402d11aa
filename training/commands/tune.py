"""`pkai-train tune`: seek better settings on the ladder's validation pieces; called again, it goes on."""

import argparse
import json
import logging
from pathlib import Path

from training.commands.numbers import at_least_one

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Train many short runs with settings drawn by Optuna, prune those that lag, keep the settings that rank the "
        "skill ladder's validation pieces best. training/fitting/tune.py documents what is sought and between which "
        "bounds."
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML file to begin with")
    parser.add_argument("--ladder", type=Path, required=True, help="folder of the skill ladder's shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for the study and its trials")
    parser.add_argument("--trials", type=int, default=20, help="in all, earlier ones counted in (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=300, help="of each trial (default: %(default)s)")
    parser.add_argument("--validations", type=int, default=5, help="of each trial (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (default: %(default)s)")
    parser.add_argument("--threads", type=at_least_one, help="of torch (default: every core)")


def run(args: argparse.Namespace) -> int:
    """Tune; prints the best accuracy and its settings, which `<out>/best.yaml` holds for `fit`."""
    import torch

    from training.fitting import tune
    from training.fitting.config import RunConfig

    if args.threads:
        torch.set_num_threads(args.threads)
    how = tune.Tuning(n_trials=args.trials, n_steps=args.steps, n_validations=args.validations, seed=args.seed)
    study = tune.tune(RunConfig.read(args.config), args.ladder, args.out, how)
    print(json.dumps({"accuracy": study.best_value, "settings": study.best_trial.params}))
    _log.info("fit it with `pkai-train fit --config %s`", args.out / tune.BEST_FILE)
    return 0
