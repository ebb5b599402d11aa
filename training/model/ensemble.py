"""Networks that differ in their seed, put on one scale so that they can be heard as one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.fitting.snippets import LadderBatches
from training.ladder import shards
from training.model.export import MeanOfNetworks
from training.networks.ranker import Ranker

_N_BATCHES, _N_EXCERPTS, _N_VERSIONS = 4, 16, 6


def standardised(
    networks: Sequence[Ranker], ladder_folder: Path, features: FeatureConfig, cut: SegmentConfig
) -> MeanOfNetworks:
    """The networks as one, each standardised on snippets of pieces that none of them trained on.

    Parameters
    ----------
    networks : of one architecture, in evaluation mode
    ladder_folder : with "validation" shards
    features, cut : what the networks hear
    """
    unheard = shards.read(ladder_folder, "validation", features)
    batches = LadderBatches(
        unheard,
        snippet_frames=cut.snippet_frames(features),
        features=features,
        n_excerpts=min(_N_EXCERPTS, sum(len(np.unique(shard.excerpt)) for shard in unheard)),
        n_versions=_N_VERSIONS,
        seed=0,
    )
    rng = np.random.default_rng(0)
    snippets = torch.cat([batches.draw(rng).snippets for _ in range(_N_BATCHES)])
    with torch.no_grad():
        scores = [network(snippets)[0] for network in networks]
    return MeanOfNetworks(networks, [float(s.mean()) for s in scores], [float(s.std()) for s in scores])
