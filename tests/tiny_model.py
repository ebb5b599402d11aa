"""A model small enough to know its answers in closed form.

The score is the mean feature, attention is even, and of family f as many flaws are told as f times the mean feature
lies below zero.

It is a real ONNX graph behind a real manifest, so everything but the weights is what ships.
"""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from pkai.diagnosis import FAMILIES
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig

ATTENTION_STEPS = 50


def write(root: Path, *, name: str = "pdr", segments: SegmentConfig | None = None) -> Path:
    """Write `<root>/<name>/` and `<root>/references/references.json`; returns `root`."""
    features = FeatureConfig()
    cut = segments or SegmentConfig()
    snippet_frames = cut.snippet_frames(features)
    graph = _graph(snippet_frames, features.n_features)
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph)
    sha256 = hashlib.sha256(graph).hexdigest()
    manifest = {
        "schema": 4,
        "name": name,
        "version": "0.0.0",
        "file": "model.onnx",
        "sha256": sha256,
        "opset": 18,
        "inputs": {"snippets": ["K", snippet_frames, features.n_features]},
        "outputs": {
            "score": ["K"],
            "attention": ["K", ATTENTION_STEPS],
            "flaws": ["K", len(FAMILIES), ATTENTION_STEPS],
        },
        "features": dataclasses.asdict(features),
        "segments": dataclasses.asdict(cut),
        "calibration": {
            "score_knots": [-2.0, 0.0],
            "rating_knots": [0.0, 100.0],
            "level_ratings": [20.0, 40.0, 60.0, 80.0],
            "scale": 0.1,
            "tie_band": 0.02,
            "sigma_rating": 5.0,
            "interval_z": 1.28,
        },
        "families": list(FAMILIES),
        "diagnosis": {
            family: {
                "told_knots": [0.0, 10.0],
                "severity_knots": [0.0, 10.0],
                "some_from": 1.0,
                "much_from": 3.0,
                "cost": 1 / sum(range(len(FAMILIES))),  # so that all of a snippet's flaws cost what its score lacks
            }
            for family in FAMILIES
        },
        "metrics": {},
        "training": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    references = [
        {
            "name": f"elise-{level}",
            "title": f"Für Elise, {level}",
            "piece": "fur-elise",
            "level": level,
            "scores": {sha256: score},
        }
        for level, score in (("beginner", -1.5), ("intermediate", -1.0), ("expert", -0.5))
    ]
    (root / "references").mkdir(exist_ok=True)
    (root / "references" / "references.json").write_text(json.dumps(references))
    return root


def _graph(snippet_frames: int, n_features: int) -> bytes:
    nodes = [
        helper.make_node("ReduceMean", ["snippets", "axes"], ["score"], keepdims=0),
        helper.make_node("ReduceMean", ["snippets", "axes"], ["mean"], keepdims=1),
        helper.make_node("Squeeze", ["mean", "last"], ["column"]),
        helper.make_node("MatMul", ["column", "zeros"], ["flat"]),
        helper.make_node("Softmax", ["flat"], ["attention"], axis=1),
        helper.make_node("Neg", ["mean"], ["below"]),
        helper.make_node("Relu", ["below"], ["flaw"]),
        helper.make_node("Mul", ["flaw", "each"], ["flaws"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1, 2]), "axes"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.zeros((1, ATTENTION_STEPS), np.float32), "zeros"),
        numpy_helper.from_array(
            np.repeat(np.arange(len(FAMILIES), dtype=np.float32)[None, :, None], ATTENTION_STEPS, axis=2), "each"
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("snippets", TensorProto.FLOAT, ["K", snippet_frames, n_features])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["K"]),
            helper.make_tensor_value_info("attention", TensorProto.FLOAT, ["K", ATTENTION_STEPS]),
            helper.make_tensor_value_info("flaws", TensorProto.FLOAT, ["K", len(FAMILIES), ATTENTION_STEPS]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
