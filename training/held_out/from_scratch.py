"""Train a network on rated recordings alone, as the original P-KAI did: no skill ladder, no weights to start from.

A recording's severity is how far people rated it from the best: 0 at a rating of 5, 1 at a rating of 1. So the losses,
the sampling and the optimiser are those of the run's configuration, as on the skill ladder. The weights after a fixed
number of steps are kept; nothing is chosen by a validation.

Differences: the original keeps the epoch that does best on its test split, which flatters it; here no held-out
recording is looked at. Flaws are not taught, for nobody labelled them: what the loss has of them is the same for every
recording, and small. All snippets of a held-out recording are scored;
of one to train on a few, by which what differences of the score mean is fitted.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pkai import consensus as segmental
from pkai import segments
from pkai.features import Frames
from training.evaluation import consensus
from training.evaluation.consensus import Scorer
from training.fitting.augmentation import augmented
from training.fitting.config import RunConfig
from training.fitting.fit import native_precision
from training.fitting.objective import objective
from training.fitting.snippets import Batch
from training.held_out.cross_validation import Learnt
from training.ladder.flaws import FAMILIES
from training.networks import pairwise
from training.networks.ranker import Ranker
from training.people import calibrate
from training.people.panel import Indices, People

_BEST_RATING, _RATING_RANGE = 5.0, 4.0
# Of a recording to train on: what differences of the score mean is all that hangs on it.
_SNIPPETS_FOR_ODDS = 16


@dataclass(frozen=True, kw_only=True)
class FromScratch:
    """A configuration, to be trained on each fold's recordings alone.

    Attributes
    ----------
    run : configuration
    n_steps : of the optimiser, instead of the configuration's
    recordings : (T, n_features) of each, as the configuration hears them
    """

    run: RunConfig
    n_steps: int
    recordings: Sequence[Frames]

    @property
    def identity(self) -> dict[str, Any]:
        """What its results follow from."""
        return {
            "learner": "from scratch",
            "run": dataclasses.asdict(self.run),
            "n_steps": self.n_steps,
            "scored_in": "32 bits",
            "snippets_for_odds": _SNIPPETS_FOR_ODDS,
        }

    def learn(self, people: People, train: Indices, held_out: Indices, *, seed: int) -> Learnt:
        """Train, then score the recordings on both sides."""
        how = dataclasses.replace(self.run, n_steps=self.n_steps, flaw_weight=0.0, seed=seed)
        network = trained(how, self.recordings, people, train)
        scorer = Scorer(
            name=how.name, features=how.features, cut=how.segments, snippet_scores=consensus.of_network(network)
        )
        scores = np.full(len(self.recordings), np.nan)
        for i in held_out:  # in 32 bits: bfloat16 would make near scores equal
            scores[i] = scorer.score(self.recordings[i])
        for i in train:
            scores[i] = _glance(scorer, self.recordings[i])
        # Fitted to recordings that it trained on, so its odds are too sure; there are none to spare.
        scale, tie_band = calibrate.fit_comparison(people.rated(scores, train))
        return Learnt(scores=scores, scale=scale, tie_band=tie_band, about={"steps": self.n_steps})


def _glance(scorer: Scorer, recording: Frames) -> float:
    """Consensus over a few snippets, one of each of as many equal parts."""
    frames = scorer.cut.snippet_frames(scorer.features)
    starts = segments.sparse_starts(len(recording), frames, _SNIPPETS_FOR_ODDS)
    found = scorer.snippet_scores(segments.cut(recording, starts, frames))
    even = np.full(len(found), 1 / len(found))
    return segmental.score(found, even, moments=scorer.cut.moments)


def trained(how: RunConfig, recordings: Sequence[Frames], people: People, train: Indices) -> Ranker:
    """The network of a configuration after training on some recordings, in evaluation mode.

    Raises
    ------
    ValueError
        If no piece has two recordings to train on.
    """
    torch.manual_seed(how.seed)
    network = pairwise.build(how.network, len(FAMILIES), how.features.kind).train()
    network.lay_out_for_training()
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=how.learning_rate, total_steps=how.n_steps)
    rng = np.random.default_rng(how.seed)
    for _ in range(how.n_steps):
        batch = _batch(how, recordings, people, train, rng)
        snippets = augmented(batch.snippets, how.augmentation, how.features)
        with _native_precision():
            loss, _ = objective(network.hear(snippets), batch, how)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), how.gradient_clip)
        optimizer.step()
        schedule.step()
    return network.eval()


def _native_precision() -> torch.autocast:
    """As `fit` computes: in 16 bits where the processor has instructions for them."""
    return torch.autocast("cpu", torch.bfloat16, enabled=native_precision() == "bf16-mixed")


def _batch(
    how: RunConfig, recordings: Sequence[Frames], people: People, train: Indices, rng: np.random.Generator
) -> Batch:
    """Several recordings of several pieces, each with its snippets."""
    by_piece = [found for piece in np.unique(people.pieces) if len(found := train[people.pieces[train] == piece]) > 1]
    if not by_piece:
        raise ValueError(f"none of the {len(train)} recordings to train on has another of its piece beside it")
    frames = how.segments.snippet_frames(how.features)
    chosen: list[int] = []
    excerpt: list[int] = []
    for slot, piece in enumerate(rng.choice(len(by_piece), min(how.n_excerpts, len(by_piece)), replace=False)):
        drawn = rng.choice(by_piece[piece], min(how.n_versions, len(by_piece[piece])), replace=False)
        chosen += drawn.tolist()
        excerpt += [slot] * len(drawn)
    snippets = [_cut(recordings[i], how, frames, rng) for i in chosen]
    severity = torch.tensor((_BEST_RATING - people.truth[chosen]) / _RATING_RANGE, dtype=torch.float32)
    return Batch(
        torch.from_numpy(np.concatenate(snippets)),
        torch.zeros(len(chosen) * how.sampling.n_snippets, len(FAMILIES), 1),
        severity,
        severity,
        torch.tensor(excerpt),
    )


def _cut(recording: Frames, how: RunConfig, frames: int, rng: np.random.Generator) -> Frames:
    """(K, S, M) snippets of a recording."""
    places = how.sampling.places(rng.random(how.sampling.n_snippets))
    starts = np.round(places * (len(recording) - frames)).astype(int)
    return np.stack([recording[start : start + frames] for start in starts])
