"""Networks of any origin as scorers of whole recordings: an exported graph, its seeds one by one, a checkpoint.

A recording's score is the segmental consensus of the service.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import torch
from torch import nn

from pkai import artifact, consensus, segments
from pkai.features import FeatureConfig, Frames
from pkai.segments import SegmentConfig, Starts
from training.fitting.fit import load_network, load_networks
from training.model import ensemble, weights

Floats = npt.NDArray[np.float64]
SNIPPETS_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """What scores snippets, and the form in which it takes them.

    Attributes
    ----------
    name : for people
    features, cut : how a recording becomes snippets
    snippet_scores : (K, S, M) float32 -> (K,)
    """

    name: str
    features: FeatureConfig
    cut: SegmentConfig
    snippet_scores: Callable[[Frames], Floats]

    def score(self, features: Frames) -> float:
        """Consensus over a recording's features, (T, M)."""
        starts = dense_starts(len(features), self.features, self.cut)
        frames = self.cut.snippet_frames(self.features)
        batches = np.array_split(starts, -(-len(starts) // SNIPPETS_AT_ONCE))
        found = [self.snippet_scores(np.ascontiguousarray(segments.cut(features, part, frames))) for part in batches]
        share = consensus.shares(starts, frames, len(features))
        return consensus.score(np.concatenate(found), share, moments=self.cut.moments)


def dense_starts(n_frames: int, features: FeatureConfig, cut: SegmentConfig) -> Starts:
    """Starts of the snippets that the service takes."""
    hop = round(cut.hop_s * features.frames_per_s)
    return segments.dense_starts(n_frames, cut.snippet_frames(features), hop)


def of_model(folder: Path) -> Scorer:
    """The graph of a model folder, as the service runs it."""
    model = artifact.load(folder)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])

    def snippet_scores(snippets: Frames) -> Floats:
        return np.asarray(session.run(["score"], {artifact.INPUT_NAME: snippets})[0], np.float64)

    manifest = model.manifest
    name = f"{manifest.name} {manifest.version}"
    return Scorer(name=name, features=manifest.features, cut=manifest.segments, snippet_scores=snippet_scores)


def seeds_of_model(folder: Path) -> list[Scorer]:
    """Each network of a model folder alone; they differ in their seed."""
    manifest = artifact.load(folder).manifest
    mean, _ = weights.read(folder)
    return [
        Scorer(
            name=f"{manifest.name} {manifest.version}, network {index}",
            features=manifest.features,
            cut=manifest.segments,
            snippet_scores=of_network(network),
        )
        for index, network in enumerate(mean.networks)
    ]


def of_checkpoint(path: Path) -> tuple[str, Scorer]:
    """The name of the run that a checkpoint is of, and its averaged weights."""
    network, run = load_network(path)
    return run.name, Scorer(
        name=f"{run.name}, seed {run.seed}",
        features=run.features,
        cut=run.segments,
        snippet_scores=of_network(network),
    )


def of_mean(paths: Sequence[Path], ladder_folder: Path) -> tuple[str, Scorer]:
    """The name of a run, and checkpoints of it that differ in their seed, heard as one, as in a model of them all.

    Parameters
    ----------
    paths : of the checkpoints
    ladder_folder : whose "validation" shards put them on one scale

    Raises
    ------
    ValueError
        If they are of several runs.
    """
    networks, run, seeds = load_networks(paths)
    mean = ensemble.standardised(networks, ladder_folder, run.features, run.segments)
    return run.name, Scorer(
        name=f"{run.name}, seeds {' and '.join(map(str, seeds))}",
        features=run.features,
        cut=run.segments,
        snippet_scores=of_network(mean.eval()),
    )


def of_network(network: nn.Module) -> Callable[[Frames], Floats]:
    """A network, whose first output is the score, as a function of arrays."""

    def snippet_scores(snippets: Frames) -> Floats:
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(snippets))[0].float().numpy(), np.float64)

    return snippet_scores
