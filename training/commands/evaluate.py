"""`pkai-train evaluate`: hold the shipped model against people who rated performances."""

import argparse
import json
import logging
import os
from pathlib import Path

from pkai.errors import PkaiError
from pkai.scorer import Judge
from training import evaluate, rated, recordings, verdicts
from training.evaluate import SETTINGS, Agreement
from training.metrics import Estimate
from training.pairs import read_pairs, recordings_of

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched; or of recordings, with --pairs")
    parser.add_argument(
        "--pairs", type=Path, metavar="CSV", help="labelled pairs (id1,id2,label) of one's own recordings, named by id"
    )
    parser.add_argument("--model", default="pdr", help="default: %(default)s")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["clean"], help="default: %(default)s")
    parser.add_argument("--pieces", nargs="+", metavar="PIECE", help="of the ratings, only these (default: all)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print how the model agrees with one's own pairs, or with the ratings of fetched performances."""
    try:
        return _against_ratings(args) if args.pairs is None else _against_pairs(args)
    except (ValueError, OSError, PkaiError) as err:
        _log.error("evaluate: %s", err)
        return 1


def _against_pairs(args: argparse.Namespace) -> int:
    """Print one line of agreement with labelled pairs."""
    pairs = [pair for pair in read_pairs(args.pairs) if pair.label is not None]
    if not pairs:
        raise ValueError(f"no pair in {args.pairs} has a label; label some with `pkai-train pairs annotate`")
    files = recordings.find(args.rated, recordings_of(pairs))
    judge = Judge.load(args.model_dir, args.model)
    scores = {name: heard.score for name, heard in recordings.hear(judge, files).items()}
    found = verdicts.against(pairs, scores, tie_band=judge.manifest.calibration.tie_band)
    print(json.dumps(found.as_plain()) if args.json else f"{args.model} {judge.manifest.version}: {found}")
    return 0


def _against_ratings(args: argparse.Namespace) -> int:
    """Print one row for each setting, and beside them what length alone and one instructor alone reach."""
    performances = rated.read(args.rated)
    if args.pieces:
        performances = rated.of_pieces(performances, args.pieces)
    rows: dict[str, Agreement] = {"length alone": evaluate.length_baseline(performances)}
    for name in args.settings:
        found = evaluate.scores(
            performances, args.model_dir, args.model, args.cache, SETTINGS[name], n_workers=args.workers
        )
        rows[f"{args.model}, {name}"] = evaluate.agreement(performances, found)
    people = evaluate.human_ceiling(performances)
    lines = _as_json(rows, people) if args.json else _as_table(rows, people)
    print("\n".join(lines))
    return 0


def _as_json(rows: dict[str, Agreement], people: dict[str, Estimate]) -> list[str]:
    from training.release import as_plain

    judges = {name: as_plain(agreement) for name, agreement in rows.items()}
    return [json.dumps({"judges": judges, "instructors": {name: vars(found) for name, found in people.items()}})]


def _as_table(rows: dict[str, Agreement], people: dict[str, Estimate]) -> list[str]:
    head = f"{'judge':28} {'pairs >= 0.5':26} {'pairs >= 1.0':26} {'length misleads':26} Spearman"
    lines = ["Pairwise accuracy within pieces, with 95 % intervals over recordings", "", head]
    for name, found in rows.items():
        cells = " ".join(f"{_cell(each):26}" for each in (found.at_half, found.at_one, found.against_length))
        lines.append(f"{name:28} {cells} {found.spearman:.2f}")
    lines += [f"{f'{name} against the others':28} {_cell(found):26}" for name, found in people.items()]
    return lines


def _cell(found: Estimate) -> str:
    return f"{found.value:.1%} ({found.low:.0%}..{found.high:.0%}) n={found.n}"
