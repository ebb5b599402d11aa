"""`pkai-train evaluate-ladder`: how the shipped model does on the ladder's pieces that no training heard."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pkai.errors import PkaiError

if TYPE_CHECKING:
    from training.ladder_figures import LadderFigures
    from training.metrics import Estimate

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Order, diagnosis and place: rank all versions of the ladder's unseen excerpts, hold the severities that are "
        "told against those that were planted, and look for damage that was planted in one place."
    )
    parser.add_argument("ladder", type=Path, help="folder of the skill ladder's shards")
    parser.add_argument("--sources", type=Path, required=True, help="what it was made from, as fetched")
    parser.add_argument("--model", nargs="+", default=["pdr"], metavar="NAME", help="default: pdr")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument("--recordings", type=int, default=40, help="damaged in one place (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of those recordings (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of sampled grands (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print a table for each model."""
    from training import evaluate, results

    try:
        judges = {name: _figures(args, name) for name in args.model}
    except (ValueError, OSError, PkaiError) as err:
        _log.error("evaluate-ladder: %s", err)
        return 1
    found = {"judges": judges, "n_recordings": args.recordings, "seed": args.seed}
    if args.out:
        options = {"sources": f"DATA/{args.sources.resolve().name}", "model": args.model, "seed": args.seed}
        command = results.command_line("evaluate-ladder", args.ladder, {**options, "recordings": args.recordings})
        results.write(args.out, "ladder", command, found)
    print(json.dumps(evaluate.rounded(found)) if args.json else "\n\n".join(map(_table, judges, judges.values())))
    return 0


def _figures(args: argparse.Namespace, name: str) -> "LadderFigures":
    from pkai.scorer import Judge
    from training import diagnose, excerpts, ladder, ladder_figures, one_place
    from training.one_place import OnePlace

    judge = Judge.load(args.model_dir, name)
    unseen = tuple(
        source
        for source in excerpts.read_sources(args.sources)
        if ladder.is_validation(source.piece, ladder.LadderConfig().validation_share)
    )
    _log.info("%s: hearing the ladder's unseen pieces", name)
    told = diagnose.listen(judge, ladder.read(args.ladder, "validation"))
    _log.info("%s: damaging %d recordings in one place", name, args.recordings)
    shares = one_place.found_shares(judge, unseen, args.cache, OnePlace(n=args.recordings, seed=args.seed))
    scales = dict(zip(judge.manifest.families, judge.manifest.diagnosis, strict=True))
    return ladder_figures.figures(told, scales, shares)


def _table(name: str, found: "LadderFigures") -> str:
    lines = [
        f"{name}: skill ladder, pieces that no training heard",
        f"  pairs ranked right               {_cell(found.accuracy)}",
        f"  of those that differ clearly     {_cell(found.clear_accuracy)}",
        f"  damage in the weakest third      {_cell(found.placed)}",
        f"  family         Spearman of told and planted severity ({found.n_pieces} pieces)   same word   called right",
    ]
    for family, each in found.families.items():
        rho = each.spearman
        called = "never called" if each.called_right is None else f"{each.called_right:.0%} of {each.called}"
        interval = f"{rho.value:.2f} ({rho.low:.2f}..{rho.high:.2f}) n={rho.n}"
        lines.append(f"  {family:14} {interval:53} {each.same_word:9.0%}   {called}")
    return "\n".join(lines)


def _cell(found: "Estimate") -> str:
    return f"{found.value:.1%} ({found.low:.0%}..{found.high:.0%}) n={found.n}"
