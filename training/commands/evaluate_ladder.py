"""`pkai-train evaluate-ladder`: how the shipped model does on the ladder's pieces that no training heard."""

import argparse
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pkai.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from training.metrics import Estimate
    from training.planted.ladder_figures import LadderFigures

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Order, diagnosis and place: rank all versions of the ladder's unseen excerpts, hold the severities that are "
        "told against those that were planted, in the ladder's mixtures and alone, and look for damage that was "
        "planted in one place."
    )
    parser.add_argument("ladder", type=Path, help="folder of the skill ladder's shards")
    parser.add_argument("--sources", type=Path, required=True, help="what it was made from, as fetched")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="default: apr")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument("--recordings", type=int, default=40, help="damaged in one place (default: %(default)s)")
    parser.add_argument(
        "--excerpts", type=int, default=12, help="in which each family of flaws is planted alone (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of those recordings (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="of sampled grands (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print a table for each model."""
    from training.evaluation import evaluate, results

    judges = _figures(args)
    found = {"judges": judges, "n_recordings": args.recordings, "n_excerpts": args.excerpts, "seed": args.seed}
    if args.out:
        options = {"sources": f"DATA/{args.sources.resolve().name}", "model": args.model, "seed": args.seed}
        options |= {"recordings": args.recordings, "excerpts": args.excerpts}
        command = results.command_line("evaluate-ladder", args.ladder, options, within="cache")
        results.write(args.out, "ladder", command, found)
    print(json.dumps(evaluate.rounded(found)) if args.json else "\n\n".join(map(_table, judges, judges.values())))
    return 0


def _figures(args: argparse.Namespace) -> dict[str, "LadderFigures"]:
    from pkai.scorer import Judge
    from training.ladder import excerpts, shards
    from training.planted import diagnose, ladder_figures, one_family, one_place
    from training.planted.one_family import OneFamily
    from training.planted.one_place import OnePlace
    from training.sound import instruments

    instruments.make_all(args.cache)
    judges = {name: Judge.load(args.model_dir, name) for name in args.model}
    share = shards.LadderConfig().validation_share
    unseen = tuple(
        source
        for source in excerpts.read_sources(args.sources)
        if shards.is_validation(source.piece, share) and diagnose.measures(source.piece)
    )
    _log.info("hearing the ladder's unseen pieces")
    told = {
        name: diagnose.listen(judge, shards.read(args.ladder, "validation", judge.manifest.features))
        for name, judge in judges.items()
    }
    _log.info("planting one family alone in %d excerpts", args.excerpts)
    alone = one_family.listen(judges, unseen, args.cache, OneFamily(n_excerpts=args.excerpts, seed=args.seed))
    _log.info("damaging %d recordings in one place", args.recordings)
    shares = one_place.found_shares(judges, unseen, args.cache, OnePlace(n=args.recordings, seed=args.seed))
    scales = {
        name: dict(zip(judge.manifest.families, judge.manifest.diagnosis, strict=True))
        for name, judge in judges.items()
    }
    return {name: ladder_figures.figures(told[name], scales[name], alone[name], shares[name]) for name in judges}


def _table(name: str, found: "LadderFigures") -> str:
    lines = [
        f"{name}: skill ladder, pieces that no training heard",
        f"  pairs ranked right               {_cell(found.accuracy)}",
        f"  of those that differ clearly     {_cell(found.clear_accuracy)}",
        f"  damage in the weakest third      {_cell(found.placed)}",
        f"  told and planted severity, Spearman: in the ladder's mixtures ({found.n_pieces} pieces) and planted alone",
        f"  {'family':14} {'mixtures':25} {'within an excerpt':25} {'alone':25} {'within an excerpt':25} "
        "rises most  called",
    ]
    for family, each in found.families.items():
        alone = found.alone[family]
        called = "never" if each.called_right is None else f"{each.called}, {each.called_right:.0%} right"
        rhos = (each.spearman, each.within, alone.spearman, alone.within)
        cells = " ".join(f"{_rho(rho):25}" for rho in rhos)
        lines.append(f"  {family:14} {cells} {alone.told_most.value:10.0%}  {called}")
    return "\n".join(lines)


def _rho(found: "Estimate") -> str:
    return f"{found.value:.2f} ({found.low:.2f}..{found.high:.2f}) n={found.n}"


def _cell(found: "Estimate") -> str:
    return f"{found.value:.1%} ({found.low:.0%}..{found.high:.0%}) n={found.n}"
