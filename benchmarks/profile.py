"""`python -m benchmarks.profile FILE`: where the time of a first answer goes, each stage beside its floor.

A floor is what the stage cannot do without: the codec alone, the FFTs alone, the network's multiply-adds at the rate
that this CPU reaches on a large matrix product.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import av
import numpy as np
import onnx
from onnx import shape_inference

from benchmarks.processes import run_python
from pkai import artifact, audio, features
from pkai.audio import Waveform
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.selection import Selection
from pkai.settings import Settings

_PEAK_SIZE = 1536


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage: median seconds over all repeats, and its floor where it has one."""

    name: str
    seconds: float
    floor_s: float | None = None


def stages(path: Path, settings: Settings, repeat: int) -> Iterator[Stage]:
    """Measure every stage of `pkai score` on one recording, in its order."""
    median = partial(_median_s, repeat=repeat)
    interpreter_s = median(lambda: run_python("-c", "pass"))
    imports_s = median(lambda: run_python("-c", "import pkai.commands, pkai.scorer")) - interpreter_s
    yield Stage(name="interpreter", seconds=interpreter_s)
    yield Stage(name="imports", seconds=imports_s)
    load = partial(Judge.load, settings.model_root, settings.model, n_threads=settings.n_threads)
    yield Stage(name="session creation", seconds=median(load))
    judge = load()
    config = judge.manifest.features
    blocks = list(audio.stream(path, sample_rate=config.sample_rate))
    mel = features.mel_frames(blocks, config)
    decode_s = median(lambda: list(audio.stream(path, sample_rate=config.sample_rate)))
    features_s = median(lambda: _compute_features(blocks, config))
    hear_s = median(lambda: judge.hear(path))
    hearing = judge.hear(path)
    multiply_adds = _multiply_adds(settings.model_root / settings.model) * len(hearing.starts)
    yield Stage(name="decode and resample", seconds=decode_s, floor_s=median(lambda: _decode_alone(path)))
    yield Stage(name="features", seconds=features_s, floor_s=median(lambda: _fft_alone(len(mel), config.n_fft)))
    yield Stage(
        name="network", seconds=hear_s - decode_s - features_s, floor_s=multiply_adds / _peak_multiply_adds_per_s()
    )
    chosen = Selection(references=judge.references)
    yield Stage(name="comparison", seconds=median(lambda: judge.assessment(hearing, chosen)))


def table(measured: list[Stage]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| stage | ms | floor, ms | times the floor |"
    yield "|---|---|---|---|"
    for stage in measured:
        floor = "| |" if stage.floor_s is None else f"{1e3 * stage.floor_s:.0f} | {stage.seconds / stage.floor_s:.1f} |"
        yield f"| {stage.name} | {1e3 * stage.seconds:.0f} | {floor}"
    yield f"| **all** | **{1e3 * sum(stage.seconds for stage in measured):.0f}** | | |"


def main(argv: list[str] | None = None) -> int:
    """Print the table for one recording."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="say where the time goes")
    parser.add_argument("file", type=Path, help="recording")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="times per stage (default: %(default)s)")
    args = parser.parse_args(argv)
    print("\n".join(table(list(stages(args.file, Settings.from_env(), args.repeat)))))
    return 0


def _median_s(work: Callable[[], object], *, repeat: int) -> float:
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _compute_features(blocks: list[Waveform], config: FeatureConfig) -> None:
    features.normalise(features.mel_frames(blocks, config), config)


def _decode_alone(path: Path) -> None:
    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass


def _fft_alone(n_frames: int, n_fft: int) -> None:
    """As many FFTs as the recording has frames, in batches that stay in cache."""
    batch = np.ones((64, n_fft), np.float32)
    for _ in range(-(-n_frames // 64)):
        np.fft.rfft(batch, axis=1)


def _multiply_adds(folder: Path) -> int:
    """Of the network for one snippet: all convolutions and matrix products with constant weights."""
    graph = shape_inference.infer_shapes(onnx.load_from_string(artifact.load(folder).onnx)).graph
    weights = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    outputs = {
        value.name: [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and node.input[1] in weights:
            shape = weights[node.input[1]]
            per_output = prod(shape[1:]) if node.op_type == "Conv" else prod(shape) // outputs[node.output[0]][-1]
            total += prod(outputs[node.output[0]]) * per_output
    return total


def _peak_multiply_adds_per_s() -> float:
    """The best that a large float32 matrix product reaches on all cores."""
    matrix = np.ones((_PEAK_SIZE, _PEAK_SIZE), np.float32)
    best_s = min(_median_s(lambda: matrix @ matrix, repeat=1) for _ in range(5))
    return float(_PEAK_SIZE**3 / best_s)


if __name__ == "__main__":
    sys.exit(main())
