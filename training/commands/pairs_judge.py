"""Judge labels: agreement, contradictions, and the scales behind them."""

import argparse
import csv
import logging
import sys
from pathlib import Path

from training.labels.agreement import agreement, consensus
from training.labels.annotation import RULES
from training.labels.contradictions import find_contradictions
from training.labels.pairs import answers_of, read_column, read_pairs, read_ratings, recordings_of, write_pairs
from training.labels.scale import fit_scale, mean_ratings, pairs_from_ratings

_log = logging.getLogger(__name__)


def add_agree(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `pairs agree`."""
    parser.add_argument("tables", type=Path, nargs="+", metavar="CSV", help="one table of pairs per annotator")
    parser.add_argument("--out", type=Path, metavar="CSV", help="where the consensus goes")
    parser.set_defaults(do=_agree)


def _agree(args: argparse.Namespace) -> int:
    tables = {str(path): read_pairs(path) for path in args.tables}
    found = agreement(tables)
    print(f"pairs answered by two or more: {found.shared}")
    for (a, b), kappa in found.cohen.items():
        print(f"Cohen's kappa of {a} and {b}: {kappa:.3f}")
    print(f"Fleiss' kappa: {found.fleiss:.3f}")
    print(f"Krippendorff's alpha: {found.alpha_nominal:.3f} nominal, {found.alpha_ordinal:.3f} ordinal")
    merged, disputed = consensus(tables)
    for first, second in disputed:
        print(f"no majority: {first} {second}")
    if args.out:
        write_pairs(args.out, merged)
    return 0


def add_check(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `pairs check`."""
    parser.add_argument("--pairs", type=Path, required=True, metavar="CSV")
    parser.add_argument("--rule", choices=RULES, default=RULES[0], help="what counts as one (default: %(default)s)")
    parser.set_defaults(do=_check)


def _check(args: argparse.Namespace) -> int:
    pairs = read_pairs(args.pairs)
    found, _ = find_contradictions(recordings_of(pairs), answers_of(pairs).items(), args.rule)
    for contradiction in found:
        print(contradiction.cycle)
    _log.info("%d of %d answers contradict earlier ones", len(found), len(answers_of(pairs)))
    return 0


def add_from_ratings(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `pairs from-ratings`."""
    parser.add_argument(
        "--ratings", type=Path, required=True, metavar="CSV", help="a line per recording: column filename or id"
    )
    parser.add_argument(
        "--columns", nargs="+", required=True, metavar="COLUMN", help="the raters' columns; gaps are allowed"
    )
    parser.add_argument(
        "--tie-below", type=float, default=0.0, help="equal where means differ by less (default: %(default)s)"
    )
    parser.add_argument("--within", metavar="COLUMN", help="compare only recordings that have the same there (a piece)")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="must not be there yet")
    parser.set_defaults(do=_from_ratings)


def _from_ratings(args: argparse.Namespace) -> int:
    if args.out.exists():
        raise ValueError(f"{args.out} is there already; its labels would be lost")
    ratings = read_ratings(args.ratings, args.columns)
    means = mean_ratings(ratings)
    within = read_column(args.ratings, args.within) if args.within else None
    values = {name: mean.value for name, mean in means.items()}
    write_pairs(args.out, pairs_from_ratings(values, tie_below=args.tie_below, within=within))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("id", "rating", "standard_error", "raters"))
    writer.writerows((n, f"{m.value:.4f}", f"{m.standard_error:.4f}", len(ratings[n])) for n, m in means.items())
    return 0


def add_scale(parser: argparse.ArgumentParser) -> None:
    """Take the arguments of `pairs scale`."""
    parser.add_argument("--pairs", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--prior-sd", type=float, default=3.0, help="spread of positions expected, logits (default: %(default)s)"
    )
    parser.set_defaults(do=_scale)


def _scale(args: argparse.Namespace) -> int:
    pairs = read_pairs(args.pairs)
    scale = fit_scale(pairs, prior_sd=args.prior_sd)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("id", "position", "standard_error"))
    ranked = sorted(scale.positions.items(), key=lambda item: -item[1].value)
    writer.writerows((name, f"{p.value:.4f}", f"{p.standard_error:.4f}") for name, p in ranked)
    _log.info("odds of equal: %.3f (standard error of its logarithm %.3f)", scale.tie_odds, scale.tie_log_error)
    return 0
