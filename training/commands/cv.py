"""`pkai-train cv`: k-fold cross-validation on performances that people rated."""

import argparse
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkai.settings import DEFAULT_MODEL
from training.commands.numbers import at_least_one
from training.people import rated
from training.people.rated import RatedPerformance

if TYPE_CHECKING:
    from training.evaluation.evaluate import Spread
    from training.held_out.cross_validation import Figures, Learner

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Learn from the ratings of some performances, judge the others, and count: for each model as the skill ladder "
        "left it, for the same taught anew on each fold, for configurations trained on each fold alone, and for length "
        "alone. Goes on where it was stopped."
    )
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched")
    parser.add_argument(
        "--model", nargs="*", metavar="NAME", help="to begin with (default: apr; none with --from-scratch)"
    )
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--learn",
        choices=("last-layer", "all-weights", "nothing"),
        default="last-layer",
        help="of each model; all-weights takes minutes a fold (default: %(default)s)",
    )
    parser.add_argument(
        "--from-scratch", nargs="+", type=Path, default=[], metavar="CONFIG", help="train these on each fold alone, too"
    )
    parser.add_argument(
        "--steps", type=int, default=60, help="of --from-scratch and all-weights (default: %(default)s)"
    )
    parser.add_argument(
        "--split", choices=("recording", "piece", "player"), default="recording", help="default: %(default)s"
    )
    parser.add_argument("--folds", type=int, default=3, metavar="K", help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=10, help="random splits (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first split (default: %(default)s)")
    parser.add_argument("--pieces", nargs="+", metavar="PIECE", help="only these (default: all)")
    parser.add_argument("--setting", default="clean", help="of the rendering, as in evaluate (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of grands and folds (default: %(default)s)")
    parser.add_argument(
        "--workers", type=at_least_one, default=os.cpu_count(), help="for rendering (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=at_least_one, default=1, help="folds learnt at once, each on a core (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one row for each judge, and beside them what people reach."""
    from training.evaluation.evaluate import rounded

    figures = _figures(args)
    print(json.dumps(rounded(figures)) if args.json else "\n".join(_table(figures)))
    return 0


def _figures(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    from training.evaluation import evaluate, results
    from training.held_out import cross_validation
    from training.held_out.cross_validation import Plan
    from training.people.panel import People

    torch.set_num_threads(args.threads)
    plan = Plan(split=args.split, k=args.folds, repeats=args.repeats, seed=args.seed)
    performances = rated.read(args.rated)
    if args.pieces:
        performances = rated.of_pieces(performances, args.pieces)
    people = People.of(performances, plan.split)
    judges: dict[str, Figures] = {}
    for label, learner, data in _learners(args, performances):
        _log.info("%s", label)
        folds = cross_validation.run(people, learner, plan, args.cache / "cv", data=data, n_threads=args.threads)
        judges[label] = cross_validation.figures(people, folds)
    figures = {
        "plan": plan,
        "setting": args.setting,
        "n_recordings": len(performances),
        "n_pieces": len(set(people.pieces)),
        "judges": judges,
        "people": {str(size): found for size, found in evaluate.panel_ceiling(performances).items()},
    }
    if args.out:
        results.write(args.out, "cross-validation", _command(args), figures)
    return figures


def _learners(
    args: argparse.Namespace, performances: tuple[RatedPerformance, ...]
) -> Iterator[tuple[str, "Learner", str]]:
    """Label, learner, and digest of what it hears."""
    from training.evaluation import evaluate
    from training.fitting.config import RunConfig
    from training.held_out.from_scratch import FromScratch
    from training.held_out.learners import AsItIs

    names = args.model if args.model is not None else ([] if args.from_scratch else [DEFAULT_MODEL])
    for name in names:
        yield from _of_model(args, name, performances)
    for path in args.from_scratch:
        config = RunConfig.read(path)
        heard, data = _heard(args, performances, config.features)
        label = f"{config.name}, from scratch, {args.steps} steps"
        yield label, FromScratch(run=config, n_steps=args.steps, recordings=heard), data
    spans = evaluate.spans_s(performances)
    yield "length alone", AsItIs(name="length", scores=-spans), ""


def _of_model(
    args: argparse.Namespace, name: str, performances: tuple[RatedPerformance, ...]
) -> Iterator[tuple[str, "Learner", str]]:
    from pkai import artifact
    from training.fine_tuning.fine_tune import FineTuning
    from training.fine_tuning.own_model import listening
    from training.held_out import last_layer
    from training.held_out.learners import AllWeights, AsItIs, LastLayer
    from training.model import weights

    manifest = artifact.load(args.model_dir / name).manifest
    network, _ = weights.read(args.model_dir / name)
    heard, data = _heard(args, performances, manifest.features)
    label, identity = f"{name} {manifest.version}", f"{name} {manifest.sha256}"
    _log.info("%s: listening", label)
    received = last_layer.receive(network, heard, manifest.features, manifest.segments)
    yield f"{label}, as it is", AsItIs(name=identity, scores=received.scores), data
    if args.learn == "last-layer":
        yield f"{label}, last layer taught", LastLayer(name=identity, received=received), data
    elif args.learn == "all-weights":
        learner = AllWeights(
            name=identity,
            network=network,
            recordings=heard,
            features=manifest.features,
            cut=manifest.segments,
            listening=listening(manifest),
            how=FineTuning(n_steps=args.steps),
        )
        yield f"{label}, all weights taught", learner, data


def _heard(
    args: argparse.Namespace, performances: tuple[RatedPerformance, ...], features: Any
) -> tuple[list[Any], str]:
    """Features of every performance, and a digest of them."""
    from training.people import playback

    setting = playback.setting_named(args.setting)
    heard = playback.features_of(performances, setting, features, args.cache, n_workers=args.workers)
    digest = hashlib.sha256()
    for each in heard:
        digest.update(each.tobytes())
    return heard, digest.hexdigest()


def _command(args: argparse.Namespace) -> str:
    from training.evaluation import results

    return results.command_line(
        "cv",
        args.rated,
        {
            "model": args.model,
            "from-scratch": [f"training/configs/{path.name}" for path in args.from_scratch] or None,
            "steps": args.steps if args.from_scratch or args.learn == "all-weights" else None,
            "learn": args.learn,
            "split": args.split,
            "folds": args.folds,
            "repeats": args.repeats,
            "seed": args.seed,
            "pieces": args.pieces,
            "setting": args.setting,
        },
    )


def _table(figures: dict[str, Any]) -> list[str]:
    plan = figures["plan"]
    lines = [
        f"{plan.k} folds by {plan.split} of {figures['n_recordings']} recordings of {figures['n_pieces']} pieces; mean "
        f"± standard deviation over {plan.repeats} random split(s), 95 % interval over recordings",
        "",
        f"{'judge':42} {'pairs >= 0.5':34} {'pairs >= 1.0':16} {'with ties':12} {'tau':12} {'rho':12} error of p",
    ]
    lines += [_row(label, found) for label, found in figures["judges"].items()]
    for size, found in figures["people"].items():
        who = "one rater" if size == "1" else f"mean of {size} raters"
        interval = f"{found.low:.0%}..{found.high:.0%}, n={found.n}"
        lines.append(f"{f'{who} against all others':42} {found.value:6.1%} ({interval})")
    return lines


def _row(label: str, found: "Figures") -> str:
    half = f"{_spread(found.at_half_splits)} ({found.at_half.low:.0%}..{found.at_half.high:.0%}, n={found.at_half.n})"
    tau, rho = ("" if of is None else f"{of.mean:.2f} ± {of.sd:.2f}" for of in (found.kendall, found.spearman))
    return (
        f"{label:42} {half:34} {_spread(found.at_one_splits):16} {_spread(found.outcomes):12} "
        f"{tau:12} {rho:12} {found.calibration_error:.3f}"
    )


def _spread(found: "Spread") -> str:
    return f"{found.mean:.1%} ± {100 * found.sd:.1f}"
