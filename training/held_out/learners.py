"""What can be cross-validated: a ladder-trained network as it is, taught anew in part or whole, or one from scratch."""

import copy
import dataclasses
import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pkai.features import FeatureConfig, Frames
from pkai.segments import SegmentConfig
from training.evaluation import consensus
from training.evaluation.consensus import Floats
from training.fine_tuning import fine_tune
from training.fine_tuning.fine_tune import Division, FineTuning, Listening
from training.held_out import last_layer
from training.held_out.cross_validation import Learnt
from training.held_out.last_layer import INNER_FOLDS, Received
from training.model.export import MeanOfNetworks
from training.people import calibrate
from training.people.panel import Indices, People


@dataclass(frozen=True, kw_only=True)
class AsItIs:
    """Scores that learn nothing; people only say what their differences mean.

    Attributes
    ----------
    name : of the judge, with its version or hash
    scores : (N,)
    """

    name: str
    scores: Floats

    @property
    def identity(self) -> dict[str, Any]:
        """What its results follow from."""
        return {"learner": "as it is", "name": self.name, "scores": self.scores.tolist()}

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Fit scale and tie band alone."""
        scale, tie_band = calibrate.fit_comparison(people.rated(self.scores, train))
        return Learnt(scores=self.scores, scale=scale, tie_band=tie_band, about={})


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """The last layer taught anew by `training.held_out.last_layer`.

    Attributes
    ----------
    name : of the network, with the hash of its weights
    received : of every recording
    """

    name: str
    received: Received

    @property
    def identity(self) -> dict[str, Any]:
        """What its results follow from."""
        received = hashlib.sha256(self.received.scores.tobytes() + self.received.inputs.tobytes()).hexdigest()
        return {"learner": "last layer", "name": self.name, "received": received, "penalties": last_layer.PENALTIES}

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Move the last layer."""
        found = last_layer.learn(self.received, people, train, seed=seed)
        about = {"penalty": None if np.isinf(found.penalty) else found.penalty}
        return Learnt(scores=found.scores, scale=found.scale, tie_band=found.tie_band, about=about)


@dataclass(frozen=True, kw_only=True)
class AllWeights:
    """All weights moved a little, by `training.fine_tuning.fine_tune`; an inner fold of the training side says when.

    Attributes
    ----------
    name : of the network, with the hash of its weights
    network : to start from
    recordings : (T, M) features of each
    features, cut : how it hears
    listening : what differences of its scores mean to begin with
    how : to fine-tune
    """

    name: str
    network: MeanOfNetworks
    recordings: Sequence[Frames]
    features: FeatureConfig
    cut: SegmentConfig
    listening: Listening
    how: FineTuning

    @property
    def identity(self) -> dict[str, Any]:
        """What its results follow from."""
        told = {part: dataclasses.asdict(getattr(self, part)) for part in ("cut", "listening", "how")}
        return {"learner": "all weights", "name": self.name, **told}

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Fine-tune a copy."""
        fitted, tried = _inner_fold(people, train, seed=seed)
        division = Division(train=people.labelled(fitted), validation=people.labelled(tried), held_out=[])
        heard = {str(people.ids[i]): self.recordings[i].astype(np.float16) for i in train}
        network, how = copy.deepcopy(self.network), dataclasses.replace(self.how, seed=seed)
        with tempfile.TemporaryDirectory() as scratch:
            course = fine_tune.fine_tune(
                network, heard, division, how, self.listening, Path(scratch) / "fold.ckpt", progress=False
            )
        scores = _scored(consensus.of_network(network), self, [*tried, *held_out])
        scale, tie_band = calibrate.fit_comparison(people.rated(scores, tried))
        return Learnt(scores=scores, scale=scale, tie_band=tie_band, about={"steps": course.best_step})


def _inner_fold(people: People, train: Indices, *, seed: int) -> tuple[Indices, Indices]:
    """Recordings to fit to, and others that say when to stop; some of both are clearly ordered.

    Raises
    ------
    ValueError
        If no inner fold is so.
    """
    for fitted, tried in people.split(train, INNER_FOLDS, seed=seed):
        if len(people.pairs(fitted)) and len(people.pairs(tried)):
            return fitted, tried
    raise ValueError(
        f"{len(train)} recordings to learn from cannot be parted so that two of a piece that clearly differ are on "
        "both sides; rate more recordings, or make more folds"
    )


def _scored(snippet_scores: Any, learner: AllWeights, chosen: Sequence[int]) -> Floats:
    """Scores of some recordings, nan for the others: (N,)."""
    scorer = consensus.Scorer(
        name=learner.name, features=learner.features, cut=learner.cut, snippet_scores=snippet_scores
    )
    scores = np.full(len(learner.recordings), np.nan)
    for i in chosen:
        scores[i] = scorer.score(learner.recordings[i])
    return scores
