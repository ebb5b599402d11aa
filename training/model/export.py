"""Turn fitted networks into what the service runs: one ONNX graph, its manifest beside it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from pkai import artifact
from pkai.calibration import Calibration
from pkai.diagnosis import FamilyScale
from pkai.durable import replace_bytes
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.model import half_precision
from training.model.layout import for_runtime
from training.networks.ranker import Ranker

OPSET = 20
WEIGHTS_FILE = "weights.npz"
# Largest difference of a score between torch and onnxruntime that export accepts.
TOLERANCE = 1e-4


class MeanOfNetworks(nn.Module):
    """Networks that differ in their seed, heard as one: their scores, attentions and flaws are averaged.

    Scores are standardised first, so that no network outweighs the others.

    Parameters
    ----------
    networks : in evaluation mode
    centres, spreads : of each network's scores on the calibration recordings
    """

    def __init__(self, networks: Sequence[Ranker], centres: list[float], spreads: list[float]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.centres, self.spreads = centres, spreads

    def forward(self, snippets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean standardised score (B,), mean attention (B, T') and mean flaws (B, F, T')."""
        scores, attentions, flaws = zip(*(network(snippets) for network in self.networks), strict=True)
        standard = [(s - c) / w for s, c, w in zip(scores, self.centres, self.spreads, strict=True)]
        return torch.stack(standard).mean(dim=0), torch.stack(attentions).mean(dim=0), torch.stack(flaws).mean(dim=0)


def to_onnx(network: nn.Module, features: FeatureConfig, cut: SegmentConfig) -> bytes:
    """Graph from `snippets` (K, S, M) to `score` (K,), `attention` (K, T') and `flaws` (K, F, T'); K is free.

    Weights that `half_precision.round_weights` has rounded are stored in 16 bits.

    Raises
    ------
    ValueError
        If the graph does not answer as the network does, within TOLERANCE.
    """
    example = example_of(features, cut)
    program = torch.onnx.export(
        for_runtime(network),
        (example,),
        input_names=[artifact.INPUT_NAME],
        output_names=list(artifact.OUTPUT_NAMES),
        dynamic_shapes=({0: torch.export.Dim("K", min=1, max=4096)},),
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    if program is None:
        raise ValueError("torch made no ONNX program of the network")
    model = without_origins(program.model_proto)
    half_precision.store_halved(model)
    onnx.checker.check_model(model)
    graph = cast(bytes, model.SerializeToString())
    _refuse_different(network, graph, example)
    return graph


def example_of(features: FeatureConfig, cut: SegmentConfig) -> Tensor:
    """Snippets to trace a network with: (K, S, M)."""
    return torch.randn(3, cut.snippet_frames(features), features.n_features)


def without_origins(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph without the source lines that each node came from: they tell paths of the exporting machine."""
    kept = onnx.ModelProto()
    kept.CopyFrom(model)
    for part in (kept, kept.graph, *kept.graph.node, *kept.graph.value_info, *kept.graph.input, *kept.graph.output):
        part.ClearField("metadata_props")
    for node in kept.graph.node:
        node.ClearField("doc_string")
    return kept


def write(
    folder: Path,
    graph: bytes,
    weights: bytes,
    *,
    name: str,
    version: str,
    features: FeatureConfig,
    cut: SegmentConfig,
    calibration: Calibration,
    diagnosis: Mapping[str, FamilyScale],
    metrics: dict[str, Any],
    training: dict[str, Any],
    explanation: bytes | None = None,
) -> str:
    """Write `model.onnx`, `explain.onnx`, `weights.npz` and then `manifest.json` into `folder`, each atomically.

    Parameters
    ----------
    folder : made if it is not there
    graph : as `to_onnx` makes it
    weights : of the same networks, as `training.model.weights.pack` makes them; only training reads them
    name, version : of the weights
    features, cut : what the network was trained with
    calibration : fitted to this graph
    diagnosis : the same, for each family of flaws in the order of the output
    metrics, training : figures and their origin, for people
    explanation : as `training.model.grad_cam.to_onnx` makes it; without it the model explains nothing

    Returns
    -------
    sha256 of the graph
    """
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256(graph).hexdigest()
    shapes = _shapes(graph)
    manifest = {
        "schema": artifact.SCHEMA_VERSION,
        "name": name,
        "version": version,
        "file": artifact.GRAPH_FILE,
        "sha256": sha256,
        "weights": {"file": WEIGHTS_FILE, "sha256": hashlib.sha256(weights).hexdigest()},
        "opset": OPSET,
        "inputs": {artifact.INPUT_NAME: shapes[artifact.INPUT_NAME]},
        "outputs": {output: shapes[output] for output in artifact.OUTPUT_NAMES},
        "features": dataclasses.asdict(features),
        "segments": dataclasses.asdict(cut),
        "calibration": dataclasses.asdict(calibration),
        **scales(diagnosis),
        "metrics": metrics,
        "training": training,
    }
    if explanation is not None:
        manifest["explanation"] = {
            "file": artifact.EXPLANATION_FILE,
            "sha256": hashlib.sha256(explanation).hexdigest(),
        }
        replace_bytes(folder / artifact.EXPLANATION_FILE, explanation)
    replace_bytes(folder / artifact.GRAPH_FILE, graph)
    replace_bytes(folder / WEIGHTS_FILE, weights)
    write_manifest(folder, manifest)
    return sha256


def scales(diagnosis: Mapping[str, FamilyScale]) -> dict[str, Any]:
    """What the manifest says of the output `flaws`."""
    return {
        "families": list(diagnosis),
        "diagnosis": {family: dataclasses.asdict(scale) for family, scale in diagnosis.items()},
    }


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write `manifest.json` of a model folder, atomically."""
    replace_bytes(folder / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())


def _refuse_different(network: nn.Module, graph: bytes, example: Tensor) -> None:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        wanted = network(example)
    found = session.run(artifact.OUTPUT_NAMES, {artifact.INPUT_NAME: example.numpy()})
    for name, one, other in zip(artifact.OUTPUT_NAMES, wanted, found, strict=True):
        difference = float(np.abs(one.numpy() - np.asarray(other)).max())
        if difference > TOLERANCE:
            raise ValueError(f"ONNX differs from torch in {name} by {difference:.2g}; at most {TOLERANCE:g} is allowed")


def _shapes(graph: bytes) -> dict[str, list[int | str]]:
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return {node.name: list(node.shape) for node in (*session.get_inputs(), *session.get_outputs())}
