"""Whether a graph of lower precision would be worth shipping: its speed here, and what it costs in accuracy.

Variants of the exported graph: float16 weights and arithmetic, int8 weights with activations scaled as they come
(dynamic), and int8 for both with scales from the ladder's snippets (static, in the QDQ form).

References
----------
Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from pkai import artifact, segments
from pkai.features import FeatureConfig
from training import metrics
from training.fitting import cepstrum, snippets
from training.ladder.shards import Shard
from training.metrics import Estimate
from training.model import half_precision

Floats = npt.NDArray[np.float64]
# What a variant may cost in accuracy, and the least that it must gain in speed, to be shipped.
MOST_LOST = 0.003
LEAST_FASTER = 1.1
_N_CALIBRATION = 64
_SNIPPETS_PER_RUN = 4
_N_TIMED = 40


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One precision.

    Attributes
    ----------
    bytes : of the graph
    snippet_ms : median time of one snippet, on one thread, four at once
    accuracy : of pairs of versions in the ladder's unseen pieces
    worth_it : whether it loses at most MOST_LOST and is LEAST_FASTER times as fast as float32
    """

    bytes: int
    snippet_ms: float
    accuracy: Estimate
    worth_it: bool


def compare(
    graph: bytes, features: FeatureConfig, snippet_frames: int, shards: Sequence[Shard], *, n_versions: int
) -> dict[str, Variant]:
    """Every variant, float32 first.

    Parameters
    ----------
    graph : of the model
    features, snippet_frames : that it hears
    shards : of the ladder's unseen pieces
    n_versions : heard of them, from the first on
    """
    kept = _kept(shards, features, snippet_frames, n_versions)
    found: dict[str, Variant] = {}
    for name, made in variants(graph, kept[0][0]).items():
        session = _session(made)
        scores = np.array([_score(session, heard) for heard, _, _ in kept])
        groups = np.array([excerpt for _, excerpt, _ in kept])
        pairs = metrics.pair_indices(-np.array([severity for *_, severity in kept]), groups, min_difference=1e-6)
        accuracy = metrics.accuracy_estimate(scores, pairs, n_bootstrap=500)
        took = _snippet_ms(session, kept[0][0])
        base = found.get("float32")
        good = base is not None and (
            accuracy.value >= base.accuracy.value - MOST_LOST and took * LEAST_FASTER <= base.snippet_ms
        )
        found[name] = Variant(bytes=len(made), snippet_ms=took, accuracy=accuracy, worth_it=good)
    return found


def variants(graph: bytes, calibration: npt.NDArray[np.float32]) -> dict[str, bytes]:
    """The graph in every precision; `calibration` (K, S, M) sets the scales of static int8."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "float32.onnx"
        model = onnx.load_from_string(graph)
        half_precision.widen(model)
        del model.graph.value_info[:]  # the exporter's shapes of weights that it turned round; they are inferred anew
        onnx.save(model, source)

        def made(write: Callable[[Path], None]) -> bytes:
            out = Path(folder) / "made.onnx"
            write(out)
            return out.read_bytes()

        half = convert_float_to_float16(model, keep_io_types=True)
        return {
            "float32": graph,
            "float16": bytes(half.SerializeToString()),
            "int8, dynamic": made(lambda out: quantize_dynamic(source, out)),
            "int8, static": made(lambda out: quantize_static(source, out, _Snippets(calibration))),
        }


class _Snippets(CalibrationDataReader):  # type: ignore[misc]
    """A few snippets, one at a time."""

    def __init__(self, calibration: npt.NDArray[np.float32]) -> None:
        self._rows: Iterator[npt.NDArray[np.float32]] = iter(calibration[:_N_CALIBRATION, None])

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """The next input, or None after the last."""
        row = next(self._rows, None)
        return None if row is None else {artifact.INPUT_NAME: row}


def _kept(
    shards: Sequence[Shard], config: FeatureConfig, snippet_frames: int, n_versions: int
) -> list[tuple[npt.NDArray[np.float32], str, float]]:
    """Snippets that do not overlap, excerpt and severity of each version."""
    kept: list[tuple[npt.NDArray[np.float32], str, float]] = []
    for number, shard in enumerate(shards):
        for index, (frames, *_) in enumerate(snippets.versions(shard)):
            if len(frames) >= snippet_frames and len(kept) < n_versions:
                starts = segments.dense_starts(len(frames), snippet_frames, snippet_frames)
                heard = cepstrum.as_features(torch.from_numpy(frames.astype(np.float32)), config).numpy()
                cut = segments.cut(heard, starts, snippet_frames)
                name = f"{number}/{shard.excerpt[index]}"
                kept.append((np.ascontiguousarray(cut), name, float(shard.severity[index])))
    return kept


def _session(graph: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _score(session: ort.InferenceSession, heard: npt.NDArray[np.float32]) -> float:
    return float(np.mean(session.run(["score"], {artifact.INPUT_NAME: heard})[0]))


def _snippet_ms(session: ort.InferenceSession, heard: npt.NDArray[np.float32]) -> float:
    batch = np.resize(heard, (_SNIPPETS_PER_RUN, *heard.shape[1:]))
    took = []
    for _ in range(_N_TIMED):
        begun = time.process_time()  # not the wall's: others may use the machine
        session.run(["score"], {artifact.INPUT_NAME: batch})
        took.append(time.process_time() - begun)
    return 1000 * float(np.median(took)) / _SNIPPETS_PER_RUN
