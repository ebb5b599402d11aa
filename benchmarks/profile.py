"""`python -m benchmarks.profile FILE`: where the time of a first answer goes, each stage beside its floor.

A floor is what the stage cannot do without: the codec alone, the FFTs alone, the network's multiply-adds at the rate
that this CPU reaches on a large matrix product. All is measured in CPU time, but for what only the first answer pays;
and told on one thread where PKAI_THREADS, OMP_NUM_THREADS and OPENBLAS_NUM_THREADS are 1.
"""

import argparse
import dataclasses
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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

_WHOLE = "a whole warm assessment"
_PEAK_SIZE = 1536
_SAMPLES_PER_BATCH = 65_536


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage: medians over all rounds, in seconds, and its floor where it has one.

    Attributes
    ----------
    times_floor : median over the rounds of how many times its floor of the same round it took
    """

    name: str
    seconds: float
    floor_s: float | None = None
    times_floor: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What a stage does, and what its floor costs in CPU seconds when asked."""

    name: str
    run: Callable[[], object]
    floor_s: Callable[[], float] | None = None


def measure(recording: Path, repeat: int = 15) -> Measured:
    """Profile in a process of its own, on one thread."""
    run = run_python(
        "-m", "benchmarks.profile", str(recording), "--repeat", str(repeat), "--json", environment=ONE_THREAD
    )
    measured: Measured = json.loads(run.answer)
    return measured


def table(recorded: Measured) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield "| stage | ms | floor, ms | times the floor |"
    yield "|---|---|---|---|"
    for stage in (Stage(**stage) for stage in recorded["stages"]):
        yield f"| {stage.name} | {1e3 * stage.seconds:.0f} | {_beside(stage)} |"
    whole = Stage(**recorded["whole"])
    yield f"| **{whole.name}** | **{1e3 * whole.seconds:.0f}** | {_beside(whole)} |"


def profile(path: Path, settings: Settings, repeat: int) -> Measured:
    """Every stage of `pkai score` on one recording, in its order, and an assessment as a whole.

    A shared machine is now fast and now slow. So each round measures the whole, every stage and every floor one after
    the other, and what is told of how they compare comes from one round at a time.
    """
    judge = Judge.load(settings.model_root, settings.model, n_threads=settings.n_threads)
    works = list(_works(path, judge, settings))
    rounds = [_round(lambda: judge.assess(path), works) for _ in range(repeat)]
    stages = {name: _over_rounds(name, [each[name] for each in rounds]) for name in rounds[0]}
    whole = stages.pop(_WHOLE)
    return {
        "stages": [dataclasses.asdict(stage) for stage in (*_cold_stages(settings, repeat), *stages.values())],
        "whole": dataclasses.asdict(whole),
        "rounds": repeat,
    }


def _round(assess: Callable[[], object], works: list[_Work]) -> dict[str, tuple[float, float | None]]:
    """Seconds and floor of the whole and of each stage, by name."""
    whole_s = _cpu_s(assess)
    stages = {work.name: (_cpu_s(work.run), work.floor_s() if work.floor_s else None) for work in works}
    return {_WHOLE: (whole_s, sum(floor_s for _, floor_s in stages.values() if floor_s)), **stages}


def _over_rounds(name: str, rounds: Sequence[tuple[float, float | None]]) -> Stage:
    seconds = statistics.median(seconds for seconds, _ in rounds)
    beside = [(seconds, floor_s) for seconds, floor_s in rounds if floor_s is not None]
    if not beside:
        return Stage(name=name, seconds=seconds)
    return Stage(
        name=name,
        seconds=seconds,
        floor_s=statistics.median(floor_s for _, floor_s in beside),
        times_floor=statistics.median(seconds / floor_s for seconds, floor_s in beside),
    )


def _cold_stages(settings: Settings, repeat: int) -> Iterator[Stage]:
    """What only the first assessment pays for, in seconds on the wall."""
    wall = partial(_median_s, repeat=repeat)
    interpreter_s = wall(lambda: run_python("-c", "pass"))
    imports_s = wall(lambda: run_python("-c", "import pkai.commands, pkai.scorer")) - interpreter_s
    yield Stage(name="interpreter", seconds=interpreter_s)
    yield Stage(name="imports", seconds=imports_s)
    load = partial(Judge.load, settings.model_root, settings.model, n_threads=settings.n_threads)
    yield Stage(name="session creation", seconds=wall(load))


def _works(path: Path, judge: Judge, settings: Settings) -> Iterator[_Work]:
    """The stages of every assessment."""
    config = judge.manifest.features
    blocks = list(audio.stream(path, sample_rate=config.sample_rate))
    n_frames = len(features.mel_frames(blocks, config))
    yield _Work(
        name="decode and resample",
        run=lambda: _pass(audio.stream(path, sample_rate=config.sample_rate)),
        floor_s=partial(_cpu_s, partial(_decode_alone, path)),
    )
    yield _Work(
        name="features",
        run=lambda: _compute_features(blocks, config),
        floor_s=partial(_cpu_s, partial(_fft_alone, n_frames, config.n_fft)),
    )
    n_chroma, chroma_fft = n_frames // chroma.HOPS + 1, chroma.WINDOWS * config.n_fft
    yield _Work(
        name="chroma",
        run=lambda: _pass(chroma.Listener(config).passing(blocks)),
        floor_s=partial(_cpu_s, partial(_fft_alone, n_chroma, chroma_fft)),
    )
    heard = judge.hear(path, with_chroma=True)
    multiply_adds = _multiply_adds(settings.model_root / settings.model) * len(heard.starts)
    yield _Work(
        name="network",
        run=lambda: judge.hear_features(heard.features, heard.recording),
        floor_s=lambda: multiply_adds / _peak_multiply_adds_per_s(),
    )
    wish = Wish(piece=None, names=None)
    chosen = judge.choose(heard, wish, judge.references)
    yield _Work(name="recognition", run=lambda: judge.choose(heard, wish, judge.references))
    yield _Work(name="comparison", run=lambda: judge.assessment(heard, chosen))


def _beside(stage: Stage) -> str:
    return "|" if stage.floor_s is None else f"{1e3 * stage.floor_s:.0f} | {stage.times_floor:.2f}"


def main(argv: list[str] | None = None) -> int:
    """Print the table for one recording."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description="say where the time goes")
    parser.add_argument("file", type=Path, help="recording")
    parser.add_argument("--repeat", type=int, default=15, metavar="N", help="rounds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures, not the table")
    args = parser.parse_args(argv)
    measured = profile(args.file, Settings.from_env(), args.repeat)
    print(json.dumps(measured) if args.json else "\n".join(table(measured)))
    return 0


def _median_s(work: Callable[[], object], *, repeat: int) -> float:
    return statistics.median(_seconds(work, time.perf_counter) for _ in range(repeat))


def _cpu_s(work: Callable[[], object]) -> float:
    return _seconds(work, time.process_time)


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    work()
    return clock() - start


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
    best_s = min(_cpu_s(lambda: matrix @ matrix) for _ in range(2))
    return float(_PEAK_SIZE**3 / best_s)


if __name__ == "__main__":
    sys.exit(main())
