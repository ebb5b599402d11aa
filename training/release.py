"""From checkpoints to a model folder: standardise, export, calibrate on people's ratings, measure, write."""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from torch import nn

from pkai import artifact
from pkai.artifact import Manifest
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.segments import SegmentConfig
from training.evaluation import evaluate
from training.fitting.fit import load_networks
from training.fitting.flaw_teaching import FlawTeaching, teach
from training.fitting.side_by_side import train_all
from training.ladder import shards
from training.ladder.flaws import FAMILIES
from training.model import ensemble, export, grad_cam, half_precision, weights
from training.model.export import MeanOfNetworks
from training.networks.ranker import NetworkConfig, SmallRanker
from training.people import calibrate
from training.people.calibrate import Rated
from training.people.playback import SETTINGS
from training.people.rated import RatedPerformance
from training.planted import diagnose

Floats = npt.NDArray[np.float64]
Writer = Callable[[Path, Calibration, dict[str, FamilyScale], dict[str, Any]], None]

# Ratings are calibrated over these, for people's recordings come from many pianos and rooms.
_CALIBRATION_SETTINGS = ("clean", "unheard instrument", "phone")
# Before it is known what the network's figures mean.
_UNSCALED = FamilyScale(told_knots=(0.0, 1.0), severity_knots=(0.0, 1.0), some_from=1.0, much_from=2.0, cost=0.0)


def release(
    checkpoints: list[Path],
    rated: tuple[RatedPerformance, ...],
    ladder_folder: Path,
    model_root: Path,
    cache: Path,
    *,
    version: str,
    n_workers: int,
) -> dict[str, Any]:
    """Write `<model_root>/<name>/` from the checkpoints of one architecture, their weights rounded to 16 bits.

    Parameters
    ----------
    checkpoints : of networks that differ in their seed; their scores are averaged
    rated : performances rated by people, which no network has seen
    ladder_folder : its validation shards standardise the scores
    model_root : usually `model/`
    cache : where sampled grands are kept
    version : of the weights
    n_workers : processes

    Returns
    -------
    metrics, as written into the manifest
    """
    networks, run, seeds = load_networks(checkpoints)
    features, cut = run.features, run.segments
    for network in networks:
        half_precision.round_weights(network)
    heard_as_one = ensemble.standardised(networks, ladder_folder, features, cut)
    training = {"run": dataclasses.asdict(run), "seeds": seeds}
    write = _writer(heard_as_one, run.network, run.name, version, features, cut, training)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        judge = _unscaled(write, root, run.name, _uncalibrated())
        found = _scores(rated, root, run.name, cache, n_workers=n_workers)
        diagnosis, recovered = _diagnosis(judge, ladder_folder)
    calibration, metrics = _calibrated(rated, found)
    metrics["diagnosis"] = recovered
    write(model_root / run.name, calibration, diagnosis, metrics)
    return metrics


def recalibrate(
    rated: tuple[RatedPerformance, ...], model_root: Path, name: str, cache: Path, *, version: str, n_workers: int
) -> dict[str, Any]:
    """Fit anew what a model's scores mean to people; its graphs and what it tells of flaws stay as they are.

    Parameters
    ----------
    rated : performances rated by people, which no network has seen
    model_root : usually `model/`
    name : of the model in it
    cache : where sampled grands are kept
    version : of the model with the new ratings and odds
    n_workers : processes

    Returns
    -------
    metrics, as written into the manifest

    Raises
    ------
    ModelError
        If the model is damaged.
    """
    folder = model_root / name
    old = artifact.load(folder).manifest
    found = _scores(rated, model_root, name, cache, n_workers=n_workers)
    calibration, metrics = _calibrated(rated, found)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest |= {
        "version": version,
        "calibration": dataclasses.asdict(calibration),
        "metrics": manifest["metrics"] | metrics,
        "training": manifest["training"] | {"calibrated_anew": _origin(old)},
    }
    export.write_manifest(folder, manifest)
    return metrics


def teach_flaws(
    model_root: Path, name: str, ladder_folder: Path, out: Path, how: FlawTeaching, *, version: str, n_threads: int
) -> dict[str, Any]:
    """Teach the networks of a model folder anew to tell flaws, and write it in place; its scores stay the same.

    Parameters
    ----------
    model_root : usually `model/`
    name : of the model in it
    ladder_folder : with all its shards
    out : folder for checkpoints
    how : to teach
    version : of the new weights
    n_threads : of all networks together

    Returns
    -------
    what the manifest tells of the diagnosis

    Raises
    ------
    ModelError
        If the model is damaged or came without weights.
    ValueError, FileNotFoundError
        As `training.fitting.flaw_teaching.teach` has them.
    """
    folder = model_root / name
    old = artifact.load(folder).manifest
    manifest = json.loads((folder / "manifest.json").read_bytes())
    mean, size = weights.read(folder)
    lessons = [
        (network, ladder_folder, out / f"network-{index}", how, old.features, old.segments)
        for index, network in enumerate(mean.networks)
    ]
    taught = train_all(teach, lessons, n_threads=n_threads)
    for network in taught:
        half_precision.round_weights(cast(SmallRanker, network).over_time_for_flaws)
    mean.networks = nn.ModuleList(taught).eval()
    training = manifest["training"] | {"flaws_taught": {"from": _origin(old), "how": dataclasses.asdict(how)}}
    write = _writer(mean, size, name, version, old.features, old.segments, training)
    with tempfile.TemporaryDirectory() as scratch:
        diagnosis, recovered = _diagnosis(_unscaled(write, Path(scratch), name, old.calibration), ladder_folder)
    write(folder, old.calibration, diagnosis, manifest["metrics"] | {"diagnosis": recovered})
    return recovered


def scale_flaws(model_root: Path, name: str, ladder_folder: Path, *, version: str) -> dict[str, Any]:
    """Fit anew what a model's told flaws mean, to a ladder that was made since; its graphs and scores stay as they are.

    Parameters
    ----------
    model_root : usually `model/`
    name : of the model in it
    ladder_folder : with its validation shards
    version : of the model with the new scales

    Returns
    -------
    what the manifest tells of the diagnosis

    Raises
    ------
    ModelError
        If the model is damaged.
    FileNotFoundError
        If shards are missing.
    """
    folder = model_root / name
    judge = Judge(artifact.load(folder))
    diagnosis, recovered = _diagnosis(judge, ladder_folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest |= {
        "version": version,
        **export.scales(diagnosis),
        "metrics": manifest["metrics"] | {"diagnosis": recovered},
        "training": manifest["training"] | {"flaws_scaled_anew": _origin(judge.manifest)},
    }
    export.write_manifest(folder, manifest)
    return recovered


def lay_out(model_root: Path, name: str, *, version: str) -> None:
    """Write the graphs of a model folder anew from its own weights, laid out as `training.model.layout` does now.

    Answers stay the same but for rounding, and so does all that was found out about them. References know the graph
    that scored them, and have to be scored anew.

    Parameters
    ----------
    model_root : usually `model/`
    name : of the model in it
    version : of the new graphs

    Raises
    ------
    ModelError
        If the model is damaged or came without weights.
    ValueError
        If the graph does not answer as the weights do.
    """
    folder = model_root / name
    old = artifact.load(folder).manifest
    manifest = json.loads((folder / "manifest.json").read_bytes())
    mean, size = weights.read(folder)
    training = manifest["training"] | {"laid_out_anew": _origin(old)}
    write = _writer(mean, size, name, version, old.features, old.segments, training)
    write(folder, old.calibration, dict(zip(old.families, old.diagnosis, strict=True)), manifest["metrics"])


def _scores(
    rated: tuple[RatedPerformance, ...], model_root: Path, name: str, cache: Path, *, n_workers: int
) -> dict[str, Floats]:
    return {
        setting_name: evaluate.scores(rated, model_root, name, cache, setting, n_workers=n_workers)
        for setting_name, setting in SETTINGS.items()
    }


def _calibrated(
    rated: tuple[RatedPerformance, ...], scores: Mapping[str, Floats]
) -> tuple[Calibration, dict[str, Any]]:
    """What scores mean to people, and how well they agree with them, in each setting."""
    people = Rated(
        scores=np.concatenate([scores[name] for name in _CALIBRATION_SETTINGS]),
        ratings=np.tile([performance.mean_rating for performance in rated], len(_CALIBRATION_SETTINGS)),
        pieces=np.tile([performance.piece for performance in rated], len(_CALIBRATION_SETTINGS)),
        names=np.tile([performance.id for performance in rated], len(_CALIBRATION_SETTINGS)),
    )
    metrics = {
        "agreement": {name: evaluate.agreement(rated, found) for name, found in scores.items()},
        "expected_calibration_error": calibrate.calibration_error(people),
        "interval_coverage": calibrate.interval_coverage(people),
    }
    return calibrate.fit(people), evaluate.rounded(metrics)


def _origin(manifest: Manifest) -> dict[str, str]:
    return {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256}


def _writer(
    network: MeanOfNetworks,
    size: NetworkConfig,
    name: str,
    version: str,
    features: FeatureConfig,
    cut: SegmentConfig,
    training: dict[str, Any],
) -> Writer:
    """A function that writes these networks to a folder, with what was found out about them."""
    graph = export.to_onnx(network, features, cut)
    explanation = grad_cam.to_onnx(network, graph, features, cut)

    def write(
        folder: Path, calibration: Calibration, diagnosis: dict[str, FamilyScale], metrics: dict[str, Any]
    ) -> None:
        export.write(
            folder,
            graph,
            weights.pack(network, size),
            name=name,
            version=version,
            features=features,
            cut=cut,
            calibration=calibration,
            diagnosis=diagnosis,
            metrics=metrics,
            training=training,
            explanation=explanation,
        )

    return write


def _unscaled(write: Writer, root: Path, name: str, calibration: Calibration) -> Judge:
    """The networks as a judge without references, whose severities mean nothing yet; under `root`."""
    (root / "references").mkdir()
    (root / "references" / "references.json").write_text("[]")
    write(root / name, calibration, dict.fromkeys(FAMILIES, _UNSCALED), {})
    return Judge.load(root, name)


def _diagnosis(judge: Judge, ladder_folder: Path) -> tuple[dict[str, FamilyScale], dict[str, Any]]:
    """Scales from one half of the ladder's unseen pieces, and how well flaws are told in the mixtures of the other."""
    mixtures, apart = (
        diagnose.halves(diagnose.listen(judge, shards.read(ladder_folder, part, judge.manifest.features)))
        for part in ("validation", "apart-validation")
    )
    scales = diagnose.fit(mixtures[0], apart[0])
    return scales, {"spearman": diagnose.recovery(mixtures[1], scales), "n": len(mixtures[1])}


def _uncalibrated() -> Calibration:
    return Calibration(
        score_knots=(-1.0, 1.0),
        rating_knots=(0.0, 100.0),
        level_ratings=calibrate.LEVEL_RATINGS,
        scale=1.0,
        tie_band=0.0,
        sigma_rating=0.0,
    )
