"""`pkai-train fine-tune`: from the shipped weights and one's own labelled recordings to a model of one's own."""

import argparse
import json
import logging
from pathlib import Path

from pkai.settings import DEFAULT_MODEL
from training.commands.numbers import at_least_one
from training.labels.folds import read_fold
from training.labels.pairs import read_pairs

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("--recordings", type=Path, required=True, metavar="FOLDER", help="files named by their ids")
    parser.add_argument("--pairs", type=Path, required=True, metavar="CSV", help="id1,id2,label with labels 1, 0, -1")
    parser.add_argument("--out", type=Path, required=True, metavar="NEWMODEL", help="for `pkai score --model-dir`")
    parser.add_argument(
        "--held-out",
        type=Path,
        metavar="FOLD",
        help="folder with train_pair.csv and test_pair.csv, as `pairs split` makes it (default: drawn)",
    )
    parser.add_argument(
        "--model-dir", type=Path, default=Path("model"), help="with the weights to start from (default: %(default)s)"
    )
    parser.add_argument("--name", default=DEFAULT_MODEL, help="of the architecture (default: %(default)s)")
    parser.add_argument("--version", help="of the new weights (default: the old one's and +own)")
    parser.add_argument("--steps", type=int, default=300, help="batches at most (default: %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=1e-4, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of what chance decides (default: %(default)s)")
    parser.add_argument(
        "--variants",
        type=int,
        default=0,
        metavar="N",
        help="of each recording to train on, in another tuning, tempo, tone and noise (default: %(default)s)",
    )
    parser.add_argument("--threads", type=at_least_one, help="of torch (default: every core)")
    parser.add_argument("--force", action="store_true", help="write the model even if it ranks no better")
    parser.add_argument("--no-references", action="store_true", help="do not play and score the references anew")
    parser.add_argument(
        "--cache", type=Path, default=Path("cache"), help="folder of sampled grands (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Fine-tune; 0 if there is a new model, 1 if not."""
    import torch

    from training.fine_tuning import own_model
    from training.fine_tuning.fine_tune import FineTuning
    from training.fine_tuning.variants import VariantConfig

    if args.threads:
        torch.set_num_threads(args.threads)
    outcome = own_model.make(
        args.model_dir,
        args.name,
        args.recordings,
        read_pairs(args.pairs),
        read_fold(args.held_out) if args.held_out else None,
        args.out,
        FineTuning(n_steps=args.steps, learning_rate=args.learning_rate, seed=args.seed),
        version=args.version,
        force=args.force,
        with_references=not args.no_references,
        cache=args.cache,
        vary=VariantConfig(n=args.variants, seed=args.seed),
    )
    if args.json:
        plain = {"before": outcome.before.as_plain(), "after": outcome.after.as_plain(), "written": outcome.written}
        print(json.dumps({**plain, "best_step": outcome.course.best_step}))
    else:
        print(f"held-out recordings before: {outcome.before}")
        print(f"held-out recordings after:  {outcome.after}")
    if not outcome.helped:
        _log.warning("fine-tuning did not help: the held-out recordings are ranked no better than before")
    if not outcome.written:
        _log.error("no new model: the shipped weights stay the better choice; --force writes the new ones anyway")
        return 1
    which = "" if args.name == DEFAULT_MODEL else f" --model {args.name}"
    _log.info("new model in %s; try `pkai score --model-dir %s%s FILE`", args.out, args.out, which)
    return 0
