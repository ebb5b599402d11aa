"""`pkai-train evaluate`: hold models against people who rated performances, or against one's own labelled pairs."""

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkai.scorer import Judge
from pkai.settings import DEFAULT_MODEL
from training.commands.numbers import at_least_one
from training.evaluation import evaluate, results
from training.evaluation.evaluate import Agreement, Spread
from training.fine_tuning import recordings, verdicts
from training.labels.pairs import read_pairs, recordings_of
from training.metrics import Estimate
from training.people import rated
from training.people.playback import SETTINGS
from training.people.rated import RatedPerformance

if TYPE_CHECKING:
    from training.evaluation.consensus import Scorer


@dataclass(frozen=True, kw_only=True)
class Contender:
    """What is held against people.

    Attributes
    ----------
    label : for people
    shipped : as the service runs it; None for checkpoints that were never exported together
    seeds : networks that differ in their seed, each of which counts for itself
    """

    label: str
    shipped: "Scorer | None"
    seeds: list["Scorer"]

    @property
    def all(self) -> list["Scorer"]:
        """The shipped one, if there is one, and then the seeds."""
        return ([] if self.shipped is None else [self.shipped]) + self.seeds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("rated", type=Path, help="folder with ratings.csv, as fetched; or of recordings, with --pairs")
    parser.add_argument(
        "--pairs", type=Path, metavar="CSV", help="labelled pairs (id1,id2,label) of one's own recordings, named by id"
    )
    parser.add_argument("--model", nargs="+", metavar="NAME", help="default: apr, or none with --checkpoints")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument(
        "--each-seed", action="store_true", help="each network of the models alone, too: mean and deviation over seeds"
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        nargs="+",
        default=[],
        help="networks; those of one run that differ in their seed are taken together",
    )
    parser.add_argument(
        "--heard-as-one",
        type=int,
        default=1,
        metavar="N",
        help="so many checkpoints at a time, in their order, as a model of N networks hears; needs --ladder",
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["clean"], help="default: %(default)s")
    parser.add_argument("--pieces", nargs="+", metavar="PIECE", help="of the ratings, only these (default: all)")
    parser.add_argument("--handcrafted", action="store_true", help="also what handcrafted features reach")
    parser.add_argument(
        "--ladder", type=Path, metavar="FOLDER", help="also all pairs of the skill ladder's validation pieces"
    )
    parser.add_argument(
        "--workers", type=at_least_one, default=os.cpu_count(), help="for rendering (default: %(default)s)"
    )
    parser.add_argument("--threads", type=at_least_one, default=1, help="of torch (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print how the models agree with one's own pairs, or with the ratings of fetched performances."""
    return _against_ratings(args) if args.pairs is None else _against_pairs(args)


# What `--pairs` reads; every other option is about rendering and simpler judges, of which there is nothing here.
_OF_PAIRS = {"rated", "pairs", "model", "model_dir", "json"}


def _refuse_options_of_ratings(args: argparse.Namespace) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    usual = vars(parser.parse_args([str(args.rated)]))
    changed = sorted(name for name, value in vars(args).items() if name not in _OF_PAIRS and value != usual[name])
    if changed:
        told = ", ".join("--" + name.replace("_", "-") for name in changed)
        raise ValueError(f"{told}: not with --pairs, which takes --model, --model-dir and --json")


def _against_pairs(args: argparse.Namespace) -> int:
    """Print one line of agreement with labelled pairs for each model."""
    _refuse_options_of_ratings(args)
    pairs = [pair for pair in read_pairs(args.pairs) if pair.answered]
    if not pairs:
        raise ValueError(f"nobody labelled a pair in {args.pairs}; label some with `pkai-train pairs annotate`")
    files = recordings.find(args.rated, recordings_of(pairs))
    for name in args.model or [DEFAULT_MODEL]:
        judge = Judge.load(args.model_dir, name)
        scores = {id: heard.score for id, heard in recordings.hear(judge, files).items()}
        found = verdicts.against(pairs, scores, tie_band=judge.manifest.calibration.tie_band)
        version = judge.manifest.version
        plain = {"model": name, "version": version, **found.as_plain()}
        print(json.dumps(plain) if args.json else f"{name} {version}: {found}")
    return 0


def _against_ratings(args: argparse.Namespace) -> int:
    """Print one row for each judge and setting, and beside them what simpler judges and people reach."""
    import torch

    torch.set_num_threads(args.threads)
    performances = rated.read(args.rated)
    if args.pieces:
        performances = rated.of_pieces(performances, args.pieces)
    judges: dict[str, dict[str, Any]] = {}
    for contender in _contenders(args):
        judges[contender.label] = {
            "seeds": len(contender.seeds),
            "settings": {name: _of_setting(args, performances, contender, name) for name in args.settings},
            **(_on_ladder(args.ladder, contender) if args.ladder else {}),
        }
    figures = {
        "n_performances": len(performances),
        "pieces": sorted({each.piece for each in performances}),
        "judges": judges,
        "baselines": _baselines(args, performances),
        "people": {
            "panels": {str(size): found for size, found in evaluate.panel_ceiling(performances).items()},
            "instructors": evaluate.human_ceiling(performances),
        },
    }
    if args.out:
        results.write(args.out, "agreement", _command(args), figures)
    print(json.dumps(evaluate.rounded(figures)) if args.json else "\n".join(_table(figures)))
    return 0


def _contenders(args: argparse.Namespace) -> list[Contender]:
    """Every model, and the checkpoints of each run as one."""
    from training.evaluation import consensus

    names = args.model or ([] if args.checkpoints else [DEFAULT_MODEL])
    found = []
    for name in names:
        folder = args.model_dir / name
        seeds = consensus.seeds_of_model(folder) if args.each_seed else []
        shipped = consensus.of_model(folder)
        found.append(Contender(label=shipped.name, shipped=shipped, seeds=seeds))
    found += [Contender(label=run, shipped=None, seeds=seeds) for run, seeds in _of_checkpoints(args).items()]
    return found


def _of_checkpoints(args: argparse.Namespace) -> dict[str, list["Scorer"]]:
    """Scorers of each run that checkpoints were named of."""
    from training.evaluation import consensus

    size = args.heard_as_one
    if size > 1 and not args.ladder:
        raise ValueError("--heard-as-one puts checkpoints on one scale by the skill ladder; name it: --ladder FOLDER")
    if size < 1 or len(args.checkpoints) % size:
        raise ValueError(f"{len(args.checkpoints)} checkpoints cannot be heard {size} at a time; name a multiple of it")
    runs: dict[str, list[Scorer]] = {}
    for first in range(0, len(args.checkpoints), size):
        paths = args.checkpoints[first : first + size]
        run, scorer = consensus.of_mean(paths, args.ladder) if size > 1 else consensus.of_checkpoint(paths[0])
        runs.setdefault(run + (f", {size} checkpoints as one" if size > 1 else ", checkpoints"), []).append(scorer)
    return runs


def _of_setting(
    args: argparse.Namespace, performances: tuple[RatedPerformance, ...], contender: Contender, setting: str
) -> dict[str, Any]:
    """Figures of a contender in one setting: its own, and over its seeds."""
    scorers = contender.all
    found = evaluate.scores_by(scorers, performances, args.cache, SETTINGS[setting], n_workers=args.workers)
    agreements = [evaluate.agreement(performances, each) for each in found]
    row: dict[str, Any] = {} if contender.shipped is None else {"agreement": agreements.pop(0)}
    if agreements:
        row["over_seeds"] = evaluate.over_seeds(agreements)
    return row


def _baselines(args: argparse.Namespace, performances: tuple[RatedPerformance, ...]) -> dict[str, Any]:
    """Figures of simpler judges: baseline -> setting -> agreement."""
    found: dict[str, Any] = {"length alone": {"clean": evaluate.length_baseline(performances)}}
    if args.handcrafted:
        from training.held_out import handcrafted

        found["handcrafted features"] = {
            name: evaluate.agreement(
                performances, handcrafted.scores(performances, args.cache, SETTINGS[name], n_workers=args.workers)
            )
            for name in args.settings
        }
    return found


def _on_ladder(folder: Path, contender: Contender) -> dict[str, Any]:
    """Figures of a contender on pieces of the skill ladder that no network was trained on."""
    from training.ladder import shards

    unheard = shards.read(folder, "validation", contender.all[0].features)
    found = [evaluate.ladder_agreement(scorer, unheard) for scorer in contender.all]
    row: dict[str, Any] = {} if contender.shipped is None else {"ladder": found.pop(0)}
    if found:
        row["ladder_over_seeds"] = evaluate.spread([each.value for each in found])
    return row


def _command(args: argparse.Namespace) -> str:
    options = {
        "model": args.model,
        "each-seed": args.each_seed,
        "checkpoints": [f"runs/{path.parent.name}/{path.name}" for path in args.checkpoints] or None,
        "heard-as-one": args.heard_as_one if args.heard_as_one > 1 else None,
        "settings": args.settings,
        "pieces": args.pieces,
        "handcrafted": args.handcrafted,
        "ladder": f"cache/{args.ladder.name}" if args.ladder else None,
    }
    return results.command_line("evaluate", args.rated, options)


def _table(figures: Mapping[str, Any]) -> list[str]:
    head = f"{'judge':34} {'pairs >= 0.5':26} {'pairs >= 1.0':26} {'length misleads':26} rho  tau  ties  error of p"
    lines = ["Pairwise accuracy within pieces, with 95 % intervals over recordings", "", head]
    for label, judge in figures["judges"].items():
        for setting, row in judge["settings"].items():
            if "agreement" in row:
                lines.append(_row(f"{label}, {setting}", row["agreement"]))
            if "over_seeds" in row:
                lines.append(_seeds(f"{label}, {setting}", row["over_seeds"]))
        if "ladder" in judge:
            lines.append(f"{f'{label}, skill ladder':34} {_cell(judge['ladder'])}")
        if "ladder_over_seeds" in judge:
            found = judge["ladder_over_seeds"]
            lines.append(f"{f'{label}, skill ladder: {found.n} seed(s)':34} {found.mean:.1%} ± {100 * found.sd:.1f}")
    for label, by_setting in figures["baselines"].items():
        lines += [_row(f"{label}, {setting}", found) for setting, found in by_setting.items()]
    for size, found in figures["people"]["panels"].items():
        who = "one rater" if size == "1" else f"mean of {size} raters"
        lines.append(f"{f'{who} against the others':34} {_cell(found)}")
    for rater, found in figures["people"]["instructors"].items():
        lines.append(f"{f'{rater} against the others':34} {_cell(found)}")
    return lines


def _row(label: str, found: Agreement) -> str:
    cells = " ".join(f"{_cell(each):26}" for each in (found.at_half, found.at_one, found.against_length))
    folds = "" if found.outcomes is None else f"  {found.outcomes:.0%}   {found.calibration_error:.3f}"
    return f"{label:34} {cells} {found.spearman:.2f} {found.kendall:.2f}{folds}"


def _seeds(label: str, found: Mapping[str, Spread]) -> str:
    n = found["at_half"].n
    figures = ("at_half", "at_one", "against_length")
    cells = " ".join(
        f"{f'{found[name].mean:.1%} ± {100 * found[name].sd:.1f}' if name in found else '':26}" for name in figures
    )
    return f"{f'{label}: {n} seed(s)':34} {cells} {found['spearman'].mean:.2f} {found['kendall'].mean:.2f}"


def _cell(found: Estimate | None) -> str:
    return "" if found is None else f"{found.value:.1%} ({found.low:.0%}..{found.high:.0%}) n={found.n}"
