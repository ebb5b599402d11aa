"""Pairs of recordings: list them, label them, divide them, and judge the labels."""

import argparse
import logging
from collections import Counter
from pathlib import Path

from training.commands import pairs_annotate, pairs_judge
from training.labels.folds import split, write_folds
from training.labels.pairs import make_pairs, read_column, read_ids, read_pairs, recordings_of, write_pairs

_log = logging.getLogger(__name__)

_MOST_TOLD = 20  # unlabelled pairs, one a line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of every kind of work on pairs."""
    work = parser.add_subparsers(dest="work", required=True, metavar="WORK")
    _add_make(work.add_parser("make", help="all pairs of a list, keeping every label there is"))
    pairs_annotate.add_arguments(
        work.add_parser("annotate", help="ask which of two recordings is better, in terminal or browser")
    )
    _add_split(work.add_parser("split", help="k folds without a recording on both sides"))
    pairs_judge.add_agree(work.add_parser("agree", help="agreement of several annotators, and what they say together"))
    pairs_judge.add_check(work.add_parser("check", help="answers that contradict each other, each with its cycle"))
    pairs_judge.add_from_ratings(
        work.add_parser("from-ratings", help="pairs from people's ratings of single recordings")
    )
    pairs_judge.add_scale(work.add_parser("scale", help="positions of recordings that explain the labels best"))


def run(args: argparse.Namespace) -> int:
    """Do the chosen work; 0 if it went well, 1 if something is wrong with the files."""
    return int(args.do(args))


def _add_make(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", type=Path, required=True, metavar="CSV", help="recordings: column filename or id")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="pairs; labels already there are kept")
    parser.add_argument("--within", metavar="COLUMN", help="pair only recordings that have the same there (a piece)")
    parser.set_defaults(do=_make)


def _make(args: argparse.Namespace) -> int:
    existing = read_pairs(args.out) if args.out.exists() else []
    names = read_ids(args.list)
    if not names:
        raise ValueError(f"{args.list} names no recording; write one a line, or a column filename or id")
    pairs = make_pairs(names, existing, read_column(args.list, args.within) if args.within else None)
    if pairs != existing:
        write_pairs(args.out, pairs)
    for name in sorted(set(recordings_of(existing)) - set(names)):
        _log.warning("%s has pairs, but is not in %s; they are kept", name, args.list.name)
    labelled = sum(pair.label is not None for pair in pairs)
    print(f"{args.out}: {len(pairs)} pairs, {len(pairs) - len(existing)} new, {labelled} labelled")
    return 0


def _add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="gets 0/train_pair.csv, 0/test_pair.csv, …"
    )
    parser.add_argument("--folds", type=int, default=5, help="how many (default: %(default)s)")
    parser.add_argument(
        "--by", default="recording", help="recording, or a column of --list: piece, player (default: recording)"
    )
    parser.add_argument("--list", type=Path, metavar="CSV", help="recordings with the column that --by names")
    parser.add_argument("--seed", type=int, default=0, help="of what chance decides (default: %(default)s)")
    parser.set_defaults(do=_split)


def _split(args: argparse.Namespace) -> int:
    if args.by != "recording" and args.list is None:
        raise ValueError(f"--by {args.by} needs --list with a column {args.by}")
    pairs = read_pairs(args.pairs)
    groups = None if args.by == "recording" else read_column(args.list, args.by)
    folds = split(pairs, args.folds, groups=groups, seed=args.seed)
    write_folds(args.out, folds)
    unlabelled = [f"{pair.first} {pair.second}" for pair in pairs if pair.label is None]
    for names in unlabelled[:_MOST_TOLD]:
        _log.warning("unlabelled, in no fold: %s", names)
    if len(unlabelled) > _MOST_TOLD:
        _log.warning("and %d more of %d unlabelled pairs", len(unlabelled) - _MOST_TOLD, len(unlabelled))
    for number, fold in enumerate(folds):
        labels = Counter(pair.label for pair in fold.held_out)
        counts = ", ".join(f"{labels[label]} of {label}" for label in (1, 0, -1))
        held_out = f"{len(fold.held_out)} held out ({counts})"
        print(f"{number}: {len(fold.train)} to train, {held_out}, {len(fold.crossing)} cross")
    return 0
