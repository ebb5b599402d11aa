"""`pkai-train precision`: whether float16 or int8 would be faster here, and what it would cost."""

import argparse
import json
from pathlib import Path

from pkai.settings import DEFAULT_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this step."""
    parser.add_argument("ladder", type=Path, help="folder of the skill ladder's shards")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], metavar="NAME", help="default: apr")
    parser.add_argument("--model-dir", type=Path, default=Path("model"), help="default: %(default)s")
    parser.add_argument("--versions", type=int, default=240, help="of excerpts, heard (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there, for the model card")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Print one line for each precision of each model."""
    from pkai import artifact
    from training.evaluation import evaluate, precision, results
    from training.ladder import shards

    judges = {}
    for name in args.model:
        model = artifact.load(args.model_dir / name)
        features, cut = model.manifest.features, model.manifest.segments
        unheard = shards.read(args.ladder, "validation", features)
        frames = cut.snippet_frames(features)
        judges[name] = precision.compare(model.onnx, features, frames, unheard, n_versions=args.versions)
    found = {"judges": judges, "n_versions": args.versions}
    if args.out:
        options = {"model": args.model, "versions": args.versions}
        command = results.command_line("precision", args.ladder, options, within="cache")
        results.write(args.out, "precision", command, found)
    lines = [
        f"{name}, {kind:14} {each.bytes / 1e6:5.2f} MB  {each.snippet_ms:6.2f} ms a snippet  "
        f"{each.accuracy.value:.1%} of {each.accuracy.n} pairs{'  worth it' if each.worth_it else ''}"
        for name, variants in judges.items()
        for kind, each in variants.items()
    ]
    print(json.dumps(evaluate.rounded(found)) if args.json else "\n".join(lines))
    return 0
