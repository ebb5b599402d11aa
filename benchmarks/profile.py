"""`python -m benchmarks.profile FILE`: where the time of a first answer goes, each stage beside its floor.

A floor is what the stage cannot do without: the codec alone, the FFTs alone, the network's multiply-adds at the rate
that this CPU reaches on a large matrix product. All is measured in CPU time, and told on one thread where
PKAI_THREADS, OMP_NUM_THREADS and OPENBLAS_NUM_THREADS are 1.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import av
import numpy as np
import onnx
from onnx import shape_inference

from benchmarks.processes import ONE_THREAD, run_python
from benchmarks.records import Measured
from pkai import artifact, audio, chroma, features
from pkai.audio import Waveform
from pkai.features import FeatureConfig
from pkai.scorer import Judge
from pkai.selection import Wish
from pkai.settings import Settings

_PEAK_SIZE = 1536
_SAMPLES_PER_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage: median seconds over all repeats, and its floor where it has one.

    Attributes
    ----------
    warm : part of every assessment, not of the first alone
    """

    name: str
    seconds: float
    floor_s: float | None = None
    warm: bool = True


def measure(recording: Path, repeat: int = 5) -> Measured:
    """Profile in a process of its own, on one thread."""
    run = run_python(
        "-m", "benchmarks.profile", str(recording), "--repeat", str(repeat), "--json", environment=ONE_THREAD
    )
    measured: Measured = json.loads(run.answer)
    return measured


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    stages = [Stage(**stage) for stage in recorded["stages"]]
    floor_s = sum(stage.floor_s or 0 for stage in stages)
    yield "| stage | ms | floor, ms | times the floor |"
    yield "|---|---|---|---|"
    for stage in stages:
        yield f"| {stage.name} | {1e3 * stage.seconds:.0f} | {_beside(stage.seconds, stage.floor_s)} |"
    warm_s = recorded["warm_s"]
    yield f"| **a whole warm assessment** | **{1e3 * warm_s:.0f}** | {_beside(warm_s, floor_s)} |"


def profile(path: Path, settings: Settings, repeat: int) -> Measured:
    """Every stage of `pkai score` on one recording, in its order, and an assessment as a whole."""
    judge = Judge.load(settings.model_root, settings.model, n_threads=settings.n_threads)
    stages = [*_cold_stages(settings, repeat), *_warm_stages(path, judge, settings, repeat)]
    whole_s = _median_s(lambda: judge.assess(path), repeat=repeat)
    return {"stages": [dataclasses.asdict(stage) for stage in stages], "warm_s": whole_s}


def _cold_stages(settings: Settings, repeat: int) -> Iterator[Stage]:
    wall = partial(_median_s, repeat=repeat, clock=time.perf_counter)
    interpreter_s = wall(lambda: run_python("-c", "pass"))
    imports_s = wall(lambda: run_python("-c", "import pkai.commands, pkai.scorer")) - interpreter_s
    yield Stage(name="interpreter", seconds=interpreter_s, warm=False)
    yield Stage(name="imports", seconds=imports_s, warm=False)
    load = partial(Judge.load, settings.model_root, settings.model, n_threads=settings.n_threads)
    yield Stage(name="session creation", seconds=wall(load), warm=False)


def _warm_stages(path: Path, judge: Judge, settings: Settings, repeat: int) -> Iterator[Stage]:
    median = partial(_median_s, repeat=repeat)
    config = judge.manifest.features
    blocks = list(audio.stream(path, sample_rate=config.sample_rate))
    n_frames = len(features.mel_frames(blocks, config))
    decode_s = median(lambda: _pass(audio.stream(path, sample_rate=config.sample_rate)))
    yield Stage(name="decode and resample", seconds=decode_s, floor_s=median(lambda: _decode_alone(path)))
    features_s = median(lambda: _compute_features(blocks, config))
    yield Stage(name="features", seconds=features_s, floor_s=median(lambda: _fft_alone(n_frames, config.n_fft)))
    n_chroma, chroma_fft = n_frames // chroma.HOPS + 1, chroma.WINDOWS * config.n_fft
    chroma_s = median(lambda: _pass(chroma.Listener(config).passing(blocks)))
    yield Stage(name="chroma", seconds=chroma_s, floor_s=median(lambda: _fft_alone(n_chroma, chroma_fft)))
    heard = judge.hear(path, with_chroma=True)
    multiply_adds = _multiply_adds(settings.model_root / settings.model) * len(heard.starts)
    yield Stage(
        name="network",
        seconds=median(lambda: judge.hear_features(heard.features, heard.recording)),
        floor_s=multiply_adds / _peak_multiply_adds_per_s(),
    )
    wish = Wish(piece=None, names=None)
    yield Stage(name="recognition", seconds=median(lambda: judge.choose(heard, wish, judge.references)))
    chosen = judge.choose(heard, wish, judge.references)
    yield Stage(name="comparison", seconds=median(lambda: judge.assessment(heard, chosen)))


def _beside(seconds: float, floor_s: float | None) -> str:
    return "|" if floor_s is None else f"{1e3 * floor_s:.0f} | {seconds / floor_s:.1f}"


def main(argv: list[str] | None = None) -> int:
    """Print the table for one recording."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="say where the time goes")
    parser.add_argument("file", type=Path, help="recording")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="times per stage (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures, not the table")
    args = parser.parse_args(argv)
    measured = profile(args.file, Settings.from_env(), args.repeat)
    print(json.dumps(measured) if args.json else "\n".join(table(measured)))
    return 0


def _median_s(work: Callable[[], object], *, repeat: int, clock: Callable[[], float] = time.process_time) -> float:
    seconds = []
    for _ in range(repeat):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds)


def _pass(blocks: Iterable[Waveform]) -> None:
    for _ in blocks:
        pass


def _compute_features(blocks: list[Waveform], config: FeatureConfig) -> None:
    features.normalise(features.mel_frames(blocks, config), config)


def _decode_alone(path: Path) -> None:
    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass


def _fft_alone(n_frames: int, n_fft: int) -> None:
    """As many FFTs as the recording has frames, of 32 bits, in one batch after the other that stays in cache."""
    batch = np.ones((_SAMPLES_PER_BATCH // n_fft, n_fft), np.float32)
    spectra = np.empty((len(batch), 1 + n_fft // 2), np.complex64)
    for _ in range(-(-n_frames // len(batch))):
        np.fft.rfft(batch, axis=1, norm="forward", out=spectra)  # type: ignore[arg-type]  # typed for 64 bits only


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
    """The best that a large float32 matrix product reaches."""
    matrix = np.ones((_PEAK_SIZE, _PEAK_SIZE), np.float32)
    best_s = min(_median_s(lambda: matrix @ matrix, repeat=1) for _ in range(5))
    return float(_PEAK_SIZE**3 / best_s)


if __name__ == "__main__":
    sys.exit(main())
