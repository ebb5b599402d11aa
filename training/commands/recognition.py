"""`pkai-train recognition`: how often a piece is recognised, and how often one that was not played."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from training.sound import instruments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("others", nargs="*", type=Path, help="folders of MIDI files, none of a reference's piece")
    parser.add_argument("--n-others", type=int, default=40, help="performances of each folder (default: %(default)s)")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one line for each kind of recording."""
    from pkai.library import FileLibrary
    from pkai.references import FILE_NAME
    from training.evaluation.recognition import tallies, trials

    known = FileLibrary(args.model_dir / "references" / FILE_NAME).references()
    if not known:
        raise ValueError(f"{args.model_dir} holds no reference to recognise; `pkai-train references` makes them")
    if empty := [str(folder) for folder in args.others if not any(folder.rglob("*.mid"))]:
        raise ValueError(f"{', '.join(empty)} holds no MIDI file")
    instruments.make_all(args.cache)
    pianos = instruments.available(args.cache)
    done = list(trials(known, pianos, args.others, n_others=args.n_others, seed=args.seed))
    for tally in tallies(done):
        if args.json:
            print(json.dumps(asdict(tally)))
        else:
            print(f"{tally.kind:28} {tally.right:4} of {tally.n:4} right, {tally.wrong:3} taken for another piece")
    return 0
