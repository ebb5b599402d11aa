"""`pkai-train robustness`: how far a rating moves where it should not."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pkai.settings import DEFAULT_MODEL
from training.commands.numbers import at_least_one
from training.people import rated

if TYPE_CHECKING:
    from training.evaluation.robustness import Robustness


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Record some of the rated performances under many conditions, and change level, sample rate, channels, and the "
        "silence or noises around them; then see how far the ratings move."
    )
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="default: apr")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument("--performances", type=int, default=10, help="evenly chosen (default: %(default)s)")
    parser.add_argument("--conditions", type=int, default=10, help="of each performance (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of sampled grands (default: %(default)s)")
    parser.add_argument("--workers", type=at_least_one, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one line for each model."""
    from training.evaluation import evaluate, results

    judges, n_performances = _judges(args)
    figures = {"n_performances": n_performances, "n_conditions": args.conditions, "judges": judges}
    if args.out:
        options = {"model": args.model, "performances": args.performances, "conditions": args.conditions}
        results.write(args.out, "robustness", results.command_line("robustness", args.rated, options), figures)
    print(json.dumps(evaluate.rounded(figures)) if args.json else "\n".join(map(_line, judges, judges.values())))
    return 0


def _judges(args: argparse.Namespace) -> tuple[dict[str, "Robustness"], int]:
    from pkai import artifact
    from training.evaluation import consensus, robustness
    from training.sound import instruments

    instruments.make_all(args.cache)
    performances = robustness.chosen(rated.read(args.rated), args.performances)
    heard = {}
    judges = {}
    for name in args.model:
        scorer = consensus.of_model(args.model_dir / name)
        if scorer.features not in heard:
            heard[scorer.features] = robustness.versions(
                performances, scorer.features, args.cache, n_conditions=args.conditions, n_workers=args.workers
            )
        calibration = artifact.load(args.model_dir / name).manifest.calibration
        judges[scorer.name] = robustness.measured(scorer, calibration, heard[scorer.features])
    return judges, len(performances)


def _line(label: str, found: "Robustness") -> str:
    return (
        f"{label}: over conditions ± {found.spread_points:.1f} points, {found.spread_share:.0%} of a level; at most "
        f"{found.level:.2f} by level, {found.sample_rate:.2f} by sample rate, {found.stereo:.2f} by stereo, "
        f"{found.silence:.2f} by silence and {found.noises:.2f} by noises around"
    )
