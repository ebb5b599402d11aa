"""`pkai-train`: one command for each step from data to model."""

import argparse
import importlib
import logging
import sys
from concurrent.futures import BrokenExecutor

from pkai.errors import PkaiError

# Step -> the module whose `add_arguments(parser)` and `run(args) -> int` do it; imported only when it is called for.
STEPS = {
    "ablate": ("training.commands.ablate", "tell what each part of the training brings"),
    "bundle": ("training.commands.bundle", "make the recordings that come with the project"),
    "card": ("training.commands.card", "write the model card from the manifests and the results"),
    "cv": ("training.commands.cv", "cross-validate on performances that people rated"),
    "evaluate": ("training.commands.evaluate", "hold a model against people who rated performances"),
    "evaluate-ladder": ("training.commands.evaluate_ladder", "hold a model against flaws that were planted"),
    "export": ("training.commands.export", "checkpoints to a model folder, calibrated and measured"),
    "fetch": ("training.commands.fetch", "download data sets by recipe, or the clips of a list of videos"),
    "fine-tune": ("training.commands.fine_tune", "go on training a model on one's own labelled recordings"),
    "fit": ("training.commands.fit", "train a network on the skill ladder"),
    "ladder": ("training.commands.ladder", "build and render the skill ladder"),
    "lay-out": ("training.commands.lay_out", "write a model's graphs anew, its weights unchanged"),
    "make-model": ("training.commands.make_model", "go the whole way from raw data to a model folder"),
    "pairs": ("training.commands.pairs", "list, label, divide and judge pairs of recordings"),
    "precision": ("training.commands.precision", "see whether float16 or int8 would be worth it"),
    "recalibrate": ("training.commands.recalibrate", "fit anew what a model's scores mean, the scores unchanged"),
    "recognition": ("training.commands.recognition", "measure how often a piece is recognised"),
    "references": ("training.commands.references", "play and score the reference performances"),
    "robustness": ("training.commands.robustness", "see how far ratings move where they should not"),
    "scale-flaws": ("training.commands.scale_flaws", "fit anew what a model's told flaws mean, its scores unchanged"),
    "teach-flaws": ("training.commands.teach_flaws", "teach a model anew to tell flaws, its scores unchanged"),
    "tune": ("training.commands.tune", "seek better settings of a run on the skill ladder"),
    "worsened": ("training.commands.worsened", "hold real recordings made worse against their originals"),
}

_INTERRUPTED = 130

_log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run one step; 0 if all went well, 1 if something failed, 2 for usage, 130 if interrupted."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("training").setLevel(logging.INFO)  # ours alone: exporters and servers talk a lot
    parser = argparse.ArgumentParser(prog="pkai-train", description=__doc__)
    parser.add_argument("step", choices=STEPS, metavar="STEP", help="; ".join(f"{k}: {v[1]}" for k, v in STEPS.items()))
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="…", help="arguments of the step; try STEP --help")
    args = parser.parse_args(argv)
    module = importlib.import_module(STEPS[args.step][0])
    step_parser = argparse.ArgumentParser(prog=f"pkai-train {args.step}", description=STEPS[args.step][1])
    module.add_arguments(step_parser)
    try:
        return int(module.run(step_parser.parse_args(args.rest)))
    except (ValueError, OSError, PkaiError, BrokenExecutor) as err:
        _log.error("%s: %s", args.step, err)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what was done is kept, and the same command goes on\n")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
