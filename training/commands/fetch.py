"""Download data sets by recipe, or the clips of one's own list of videos."""

import argparse
import logging
from collections import Counter
from pathlib import Path

from training.datasets.clips import Limits
from training.datasets.fetch import Summary, fetch, fetch_clips
from training.datasets.recipe import ClipList, read_recipe, shipped_recipes

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what to fetch, where to, and how hard to pull."""
    names = ", ".join(shipped_recipes())
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"{names}; or a recipe's .yaml; or a .csv of videos")
    parser.add_argument("--out", type=Path, default=Path("data"), help="gets a folder for each (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=4, help="videos at once (default: %(default)s)")
    parser.add_argument("--bytes-per-s", type=int, help="at most, for each video (default: no limit)")
    parser.add_argument("--retries", type=int, default=3, help="of a connection that breaks (default: %(default)s)")
    parser.add_argument("--keep-videos", action="store_true", help="do not delete what was downloaded once it is cut")


def run(args: argparse.Namespace) -> int:
    """Fetch one after another; 0 if everything is there, 1 if something failed."""
    if not args.what:
        return _list_recipes()
    complete = True
    for what in args.what:
        try:
            folder, summary = _fetch(what, args)
        except (ValueError, OSError) as err:
            _log.error("fetch %s: %s", what, err)
            complete = False
            continue
        _tell(what, folder, summary)
        complete = complete and not summary.failed
    return 0 if complete else 1


def _list_recipes() -> int:
    for name, path in shipped_recipes().items():
        recipe = read_recipe(path)
        print(f"{name}: {recipe.what.strip()}\n    {recipe.source}\n    {recipe.licence}")
    return 0


def _fetch(what: str, args: argparse.Namespace) -> tuple[Path, Summary]:
    limits = Limits(jobs=args.jobs, bytes_per_s=args.bytes_per_s, retries=args.retries)
    path = shipped_recipes().get(what, Path(what))
    if path.suffix not in (".csv", ".yaml") or not path.is_file():
        raise ValueError(
            f"there is no such recipe; there is {', '.join(shipped_recipes())}, or give a .yaml or .csv file"
        )
    if path.suffix == ".yaml":
        recipe = read_recipe(path)
        folder = args.out / recipe.name
        return folder, fetch(recipe, folder, limits, keep_videos=args.keep_videos)
    summary = Summary()
    folder = args.out / path.stem
    fetch_clips(path, folder, limits, summary, ClipList(list=path.name), keep_videos=args.keep_videos)
    return folder, summary


def _tell(what: str, folder: Path, summary: Summary) -> None:
    for failure in sorted(summary.failed, key=lambda failure: (failure.kind, failure.name)):
        print(f"{failure.kind}: {failure.name}: {failure.reason}")
    kinds = "".join(f", {count} {kind}" for kind, count in sorted(Counter(f.kind for f in summary.failed).items()))
    print(
        f"{Path(what).name}: {len(summary.fetched)} fetched, {len(summary.present)} there already{kinds}; in {folder}"
    )
