"""`pkai references`: who is compared with, listed and added to without a deploy."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator

from pkai import artifact, chroma, library, references, report
from pkai.errors import ModelContractError
from pkai.library import Library
from pkai.references import Reference
from pkai.scorer import Judge
from pkai.settings import Settings
from pkai.terminal import Terminal, printable


def list_(arguments: argparse.Namespace, settings: Settings, terminal: Terminal) -> int:
    """Print the references with their ratings by a model; those that it has not scored are told on stderr."""
    manifest = artifact.load(settings.model_root / settings.model).manifest
    known = _library(arguments, settings).references()
    listed = [
        references.rated(reference, manifest.calibration, model_sha256=manifest.sha256)
        for reference in references.select(known, model_sha256=manifest.sha256, piece=None, names=None)
    ]
    if arguments.json:
        lines = [json.dumps(dataclasses.asdict(reference)) for reference in listed]
    else:
        lines = report.reference_lines(listed, terminal)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    for reference in references.unscored(known, model_sha256=manifest.sha256):
        sys.stderr.write(
            f"pkai: {reference.name} has no score by {manifest.name} {manifest.version} and is compared with nothing; "
            "add its recording again with --replace\n"
        )
    return 0


def add(arguments: argparse.Namespace, settings: Settings) -> int:
    """Let every installed model score a recording, and put it among the references."""
    described = references.described(
        piece=arguments.piece, level=arguments.level, title=arguments.title, name=arguments.name
    )
    place = _library(arguments, settings)
    scores, heard = {}, ""
    for judge in _judges(settings):
        hearing = judge.hear(arguments.file, with_chroma=not heard)
        scores[judge.manifest.sha256] = round(hearing.score, 4)
        if hearing.chroma is not None:
            heard = chroma.pack(hearing.chroma)
    added = dataclasses.replace(described, scores=scores, chroma=heard)
    all_now = place.add(added, replace=arguments.replace)
    _tell(added, all_now, as_json=arguments.json)
    return 0


def _tell(added: Reference, all_now: tuple[Reference, ...], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(added)) + "\n")
        return
    of_piece = sum(reference.piece == added.piece for reference in all_now)
    scores = ", ".join(f"{score:+.2f}" for score in added.scores.values())
    sys.stdout.write(
        f"{added.name}: {printable(added.title)}, score {scores}; {of_piece} of {added.piece}, {len(all_now)} in all\n"
    )


def _library(arguments: argparse.Namespace, settings: Settings) -> Library:
    if arguments.place is None:
        return library.of(settings)
    return library.of(dataclasses.replace(settings, references=arguments.place))


def _judges(settings: Settings) -> Iterator[Judge]:
    names = sorted(manifest.parent.name for manifest in settings.model_root.glob("*/manifest.json"))
    if not names:
        raise ModelContractError(f"there is no model in {settings.model_root}; name its folder with --model-dir")
    for name in names:
        yield Judge.load(settings.model_root, name, n_threads=settings.n_threads)
