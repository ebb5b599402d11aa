"""`pkai-train ablate`: a table of runs that differ in one thing, each over its seeds."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.commands.numbers import at_least_one
from training.people import rated
from training.people.playback import SETTINGS

if TYPE_CHECKING:
    from training.evaluation.evaluate import Spread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Hold the checkpoints of several runs against people, and show one row for each run: mean and standard "
        "deviation over its seeds. The table is for understanding; nothing may be chosen by it."
    )
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched")
    parser.add_argument(
        "--run",
        dest="runs",
        action="append",
        required=True,
        type=_named,
        metavar="NAME=CKPT[,CKPT…]",
        help="a run and its checkpoints, one for each seed; again for each run",
    )
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["clean"], help="default: %(default)s")
    parser.add_argument("--ladder", type=Path, metavar="FOLDER", help="also the skill ladder's validation pieces")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of sampled grands (default: %(default)s)")
    parser.add_argument(
        "--workers", type=at_least_one, default=os.cpu_count(), help="for rendering (default: %(default)s)"
    )
    parser.add_argument("--threads", type=at_least_one, default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one row for each run."""
    import torch

    from training.evaluation import evaluate, results

    torch.set_num_threads(args.threads)
    performances = rated.read(args.rated)
    rows = {name: _row(args, checkpoints, performances) for name, checkpoints in args.runs}
    figures = {
        "runs": rows,
        "people": {str(size): found for size, found in evaluate.panel_ceiling(performances).items()},
    }
    if args.out:
        results.write(args.out, "ablation", _command(args), figures)
    print(json.dumps(evaluate.rounded(figures)) if args.json else "\n".join(_table(rows, args.settings)))
    return 0


def _named(text: str) -> tuple[str, list[Path]]:
    name, _, paths = text.partition("=")
    if not name or not paths:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=CHECKPOINT[,CHECKPOINT…]")
    return name, [Path(path) for path in paths.split(",")]


def _row(
    args: argparse.Namespace, checkpoints: list[Path], performances: tuple[rated.RatedPerformance, ...]
) -> dict[str, Any]:
    from training.evaluation import consensus, evaluate
    from training.ladder import shards

    scorers = [consensus.of_checkpoint(path)[1] for path in checkpoints]
    settings = {}
    for name in args.settings:
        found = evaluate.scores_by(scorers, performances, args.cache, SETTINGS[name], n_workers=args.workers)
        settings[name] = evaluate.over_seeds([evaluate.agreement(performances, each) for each in found])
    on_ladder = None
    if args.ladder:
        unheard = shards.read(args.ladder, "validation", scorers[0].features)
        on_ladder = evaluate.spread([evaluate.ladder_agreement(scorer, unheard).value for scorer in scorers])
    return {"seeds": len(scorers), "settings": settings, "ladder": on_ladder}


def _command(args: argparse.Namespace) -> str:
    from training.evaluation import results

    options = {"settings": args.settings, "ladder": f"cache/{args.ladder.name}" if args.ladder else None}
    line = results.command_line("ablate", args.rated, options)
    runs = [
        f"{name}=" + ",".join(f"runs/{path.parent.name}/{path.name}" for path in checkpoints)
        for name, checkpoints in args.runs
    ]
    return " ".join([line, *(f"--run '{each}'" for each in runs)])


def _table(rows: dict[str, dict[str, Any]], settings: list[str]) -> list[str]:
    lines = [f"{'run':32} seeds  " + "  ".join(f"{name:18}" for name in settings) + "  skill ladder"]
    for name, row in rows.items():
        cells = "  ".join(f"{_cell(row['settings'][each]['at_half']):18}" for each in settings)
        lines.append(f"{name:32} {row['seeds']:5}  {cells}  {_cell(row['ladder'])}")
    return lines


def _cell(found: "Spread | None") -> str:
    return "" if found is None else f"{found.mean:.1%} ± {100 * found.sd:.1f}"
