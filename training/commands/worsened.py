"""`pkai-train worsened`: real recordings made worse in the audio, against their originals."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkai.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from training.evaluation.worsened import Case

Counts = dict[str, int]

_SUFFIXES = (".mp3", ".m4a", ".wav", ".flac", ".ogg", ".opus", ".webm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.description = (
        "Cut pauses into real recordings, make their speed uneven with the pitch kept, repeat passages, and all of it; "
        "then count how often the judge scores the worse one below its original, and how often a passage that was made "
        "worse alone lies in the weakest third of the timeline."
    )
    parser.add_argument("recordings", type=Path, help="folder of recordings of real pianos")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="default: apr")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--seeds", type=int, default=5, help="versions of each of the four kinds for each recording (default: 5)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print how many of the worse ones score below their originals."""
    from pkai import artifact
    from pkai.scorer import Judge
    from training.evaluation import consensus, results, worsened, worsened_place

    files = sorted(path for path in args.recordings.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise ValueError(f"{args.recordings} holds no recording ({', '.join(_SUFFIXES)})")
    scorers = {each.name: each for each in (consensus.of_model(args.model_dir / name) for name in args.model)}
    models = (artifact.load(args.model_dir / name) for name in args.model)
    judges = {label: Judge(model) for label, model in zip(scorers, models, strict=True)}
    placed = worsened_place.places(judges, files, n_seeds=args.seeds)  # first, for it refuses short recordings
    found = worsened.cases(scorers, files, n_seeds=args.seeds)
    counts = {label: _by_kind(cases) for label, cases in found.items()}
    placed_counts = {label: _by_kind(places) for label, places in placed.items()}
    if args.out:
        command = results.command_line("worsened", args.recordings, {"model": args.model, "seeds": args.seeds})
        told = {label: {**_plain(row), "placed": _plain(placed_counts[label])} for label, row in counts.items()}
        results.write(args.out, "worsened", command, {"recordings": len(files), "judges": told})
    for label, row in counts.items():
        if args.json:
            cases, places = ([vars(each) for each in every[label]] for every in (found, placed))
            row_placed = placed_counts[label]
            print(json.dumps({"model": label, "counts": row, "cases": cases, "placed": row_placed, "places": places}))
        else:
            print(f"{label}: scored below the original: {_told(row)}")
            print(f"{label}: worse in one passage, and weakest there: {_told(placed_counts[label])}")
    return 0


def _by_kind(cases: Sequence["Case"]) -> dict[str, Counts]:
    """Kind of damage, and "all" -> how many are right, and of how many."""
    from training.evaluation import worsened

    kinds = {kind: worsened.counted([case for case in cases if case.kind == kind]) for kind in worsened.KINDS}
    return {**kinds, "all": worsened.counted(cases)}


def _plain(row: dict[str, Counts]) -> dict[str, Any]:
    return {"all": row["all"], "kinds": {kind: count for kind, count in row.items() if kind != "all"}}


def _told(row: dict[str, Counts]) -> str:
    return ", ".join(f"{name} {each['right']} of {each['n']}" for name, each in row.items())
