"""Teach a network's last layer anew, from a few dozen recordings that people rated.

All before the last layer stays as the skill ladder taught it. A recording is what the last layer receives from its
snippets, each weighted as the consensus weighs it while the ladder's weights stand; as long as the order of its
snippets stays, moving the layer's weights moves the score by an inner product. What is fitted is a logistic ranking
loss with a penalty on how far the weights move: convex, so there is one answer, in milliseconds. An inner
cross-validation of the recordings trained on decides how strong the penalty is: the strongest whose loss is within one
standard error of the least [1]_.

References
----------
.. [1] Breiman, Friedman, Olshen, Stone, Classification and Regression Trees, 1984 (section 3.4.3).

Burges et al., Learning to Rank using Gradient Descent, ICML 2005 (section 3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import optimize
from torch import Tensor, nn

from pkai import consensus, segments
from pkai.features import FeatureConfig, Frames
from pkai.segments import SegmentConfig
from training.evaluation.consensus import SNIPPETS_AT_ONCE, dense_starts
from training.people import calibrate
from training.people.panel import Indices, People

Floats = npt.NDArray[np.float64]

# Of the squared distance that the weights move; the first leaves them where the ladder put them.
PENALTIES = (float("inf"), 10.0, 1.0, 0.1, 0.01)
INNER_FOLDS = 3


@dataclass(frozen=True, kw_only=True)
class Received:
    """What the last layer received of each recording, and what it made of it.

    Attributes
    ----------
    scores : (N,) as the network is
    inputs : (N, D)
    """

    scores: Floats
    inputs: Floats


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What came of learning from some recordings.

    Attributes
    ----------
    scores : (N,) of all recordings; those of held-out ones count
    scale, tie_band : what differences of score mean, by recordings that their scores were not fitted to
    penalty : that was chosen; infinite if the ladder's weights stayed
    """

    scores: Floats
    scale: float
    tie_band: float
    penalty: float


def receive(network: nn.Module, recordings: Sequence[Frames], features: FeatureConfig, cut: SegmentConfig) -> Received:
    """Run a network over recordings and keep what its layers that end in one number receive.

    Parameters
    ----------
    network : its first output is the score
    recordings : (T, M) features of each

    Raises
    ------
    ValueError
        If no layer of the network ends in one number.
    """
    last = [module for module in network.modules() if isinstance(module, nn.Linear) and module.out_features == 1]
    if not last:
        raise ValueError(
            f"{type(network).__name__} has no linear layer that ends in one number; there is none to teach"
        )
    passing: list[Tensor] = []
    hooks = [layer.register_forward_pre_hook(lambda _, args: passing.append(args[0])) for layer in last]
    try:
        rows = [_received(network, each, features, cut, passing) for each in recordings]
    finally:
        for hook in hooks:
            hook.remove()
    return Received(scores=np.array([row[0] for row in rows]), inputs=np.stack([row[1] for row in rows]))


def learn(received: Received, people: People, train: Indices, *, seed: int) -> Learnt:
    """Move the last layer towards what people said of the recordings to train on.

    Parameters
    ----------
    train : indices of those
    seed : of the inner folds

    Raises
    ------
    ValueError
        If no two of the recordings are clearly ordered by people.
    """
    inner = list(_inner(people, train, seed))
    penalty = _chosen({each: _inner_losses(received, people, inner, each) for each in PENALTIES})
    # Without inner folds nothing is taught, so all that was to be learnt from is as unheard as what is held out.
    tried = [(moved(received, people, fitted, penalty), among) for fitted, among in inner]
    gaps, outcomes = _pairs(people, tried or [(received.scores, train)])
    scale, tie_band = calibrate.fit_outcomes(gaps, outcomes, spread=float(received.scores[train].std()))
    found = moved(received, people, train, penalty)
    return Learnt(scores=found, scale=scale, tie_band=tie_band, penalty=penalty)


def moved(received: Received, people: People, train: Indices, penalty: float) -> Floats:
    """Scores of all recordings once the last layer is fitted to some: (N,)."""
    if np.isinf(penalty):
        return received.scores
    pairs = people.pairs(train)
    if len(pairs) == 0:
        raise ValueError(f"no two of the {len(train)} recordings to learn from are of one piece and clearly differ")
    spread = float(received.scores[train].std()) or 1.0
    inputs = received.inputs - received.inputs[train].mean(axis=0)
    inputs = inputs / np.maximum(inputs[train].std(axis=0), 1e-6)
    gap = (received.scores[pairs[:, 0]] - received.scores[pairs[:, 1]]) / spread
    towards = inputs[pairs[:, 0]] - inputs[pairs[:, 1]]

    def cost(weights: Floats) -> tuple[float, Floats]:
        logits = gap + towards @ weights
        wrong = 1 / (1 + np.exp(np.clip(logits, -60, 60)))
        loss = float(np.logaddexp(0, -logits).mean()) + penalty / 2 * float(weights @ weights)
        return loss, -(wrong @ towards) / len(pairs) + penalty * weights

    found = optimize.minimize(cost, np.zeros(inputs.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(received.scores + spread * (inputs @ found.x))


def _received(
    network: nn.Module, recording: Frames, features: FeatureConfig, cut: SegmentConfig, passing: list[Tensor]
) -> tuple[float, Floats]:
    starts = dense_starts(len(recording), features, cut)
    frames = cut.snippet_frames(features)
    share = consensus.shares(starts, frames, len(recording))
    scores: list[Floats] = []
    inputs: list[Floats] = []
    for first in range(0, len(starts), SNIPPETS_AT_ONCE):
        snippets = segments.cut(recording, starts[first : first + SNIPPETS_AT_ONCE], frames)
        passing.clear()
        with torch.inference_mode():
            scores.append(network(torch.from_numpy(np.ascontiguousarray(snippets)))[0].numpy())
        inputs.append(torch.cat(passing, dim=1).numpy().astype(np.float64))
    found = np.concatenate(scores).astype(np.float64)
    counted = consensus.weights(found, share, moments=cut.moments)
    return float(found @ counted), counted @ np.concatenate(inputs)


def _inner(people: People, train: Indices, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Inner folds with something to learn from and something to try it on; none where there is one group alone."""
    if len(set(people.groups[train])) < 2:
        return
    for fitted, tried in people.split(train, INNER_FOLDS, seed=seed):
        if len(people.pairs(fitted)) and len(people.pairs(tried)):
            yield fitted, tried


def _inner_losses(received: Received, people: People, inner: list[tuple[Indices, Indices]], penalty: float) -> Floats:
    """Logistic loss of each inner fold's pairs, none of which was fitted to: (folds,)."""
    losses: list[float] = []
    for fitted, tried in inner:
        found = moved(received, people, fitted, penalty)
        pairs = people.pairs(tried)
        spread = float(received.scores[fitted].std()) or 1.0
        losses.append(float(np.logaddexp(0, -(found[pairs[:, 0]] - found[pairs[:, 1]]) / spread).mean()))
    return np.array(losses)


def _chosen(losses: dict[float, Floats]) -> float:
    """Strongest penalty within one standard error of the least mean loss; the strongest of all without two folds."""
    n = len(losses[PENALTIES[0]])
    if n < 2:
        return PENALTIES[0]
    best = min(losses.values(), key=lambda each: float(each.mean()))
    bound = float(best.mean() + best.std(ddof=1) / np.sqrt(n))
    return next(penalty for penalty in PENALTIES if float(losses[penalty].mean()) <= bound)


def _pairs(people: People, scored: list[tuple[Floats, Indices]]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Differences of score, (P,), and outcomes, (P,), of all pairs among recordings that were not fitted to."""
    gaps, outcomes = zip(*(calibrate.pairs_of(people.rated(*each)) for each in scored), strict=True)
    return np.concatenate(gaps), np.concatenate(outcomes)
