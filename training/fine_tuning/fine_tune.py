"""Go on training the shipped networks on labelled pairs of one's own recordings.

Snippets are drawn as in Temporal Segment Networks, one from each of a few equal parts of a recording. Normalisation
statistics and dropout stay as in the service, for a few dozen recordings are too few to estimate them anew.

Differences: PDR and TSN train from pictures' weights for hours; here all weights move a little, for minutes, until
recordings that are not trained on are ranked no better.
"""

import dataclasses
import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from pkai import segments
from pkai.durable import replace_bytes
from pkai.features import FeatureConfig
from training.fitting.augmentation import Augmentation, augmented
from training.fitting.losses import preference_loss, similarity_loss
from training.labels.folds import Fold, split
from training.labels.pairs import Pair, recordings_of
from training.model.export import MeanOfNetworks

logger = logging.getLogger(__name__)

Features = Mapping[str, npt.NDArray[np.float16]]
Variants = Mapping[str, Sequence[npt.NDArray[np.float16]]]


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How far and how fast to move from the shipped weights.

    Attributes
    ----------
    n_steps : batches at most
    learning_rate : a twentieth of that of the first training, which keeps what was learnt there
    n_pairs : drawn for a batch; all other pairs among their recordings come in with them
    n_segments : snippets of each recording in a batch
    validate_every : batches between validations, each of which is a checkpoint
    patience : validations without gain after which it ends
    seed : of what chance decides
    """

    n_steps: int = 300
    learning_rate: float = 1e-4
    n_pairs: int = 8
    n_segments: int = 3
    validate_every: int = 20
    patience: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_steps", "n_pairs", "n_segments", "validate_every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be positive")


@dataclass(frozen=True, kw_only=True)
class Division:
    """Pairs by what they are for; no recording is in two parts."""

    train: list[Pair]
    validation: list[Pair]
    held_out: list[Pair]


@dataclass(frozen=True, kw_only=True)
class Course:
    """How fine-tuning went.

    Attributes
    ----------
    steps, losses : of each validation; the first is of the shipped weights
    best_step : whose weights were kept; never 0
    """

    steps: list[int]
    losses: list[float]
    best_step: int


@dataclass(frozen=True, kw_only=True)
class Listening:
    """How the shipped model listens, and what differences of its scores mean.

    Attributes
    ----------
    snippet_frames : in a snippet
    scale : difference of scores at which the odds are e : 1
    tie_band : difference of scores that is heard as equal
    features : of its front end
    """

    snippet_frames: int
    scale: float
    tie_band: float
    features: FeatureConfig = field(default_factory=FeatureConfig)


_HELD_OUT_FOLDS, _VALIDATION_FOLDS = 4, 3
_VALIDATION_SEGMENTS = 8


def divide(pairs: Sequence[Pair], fold: Fold | None, *, seed: int) -> Division:
    """Part the labelled pairs by recording: a quarter held out, a third of the others for validation.

    What follows from people's answers teaches as they do; the figures are held against the answers alone.

    Parameters
    ----------
    fold : made earlier: its held-out pairs are held out, and of `pairs` those are left whose recordings it trains on.
        Drawn here if None

    Raises
    ------
    ValueError
        If a part would have no pair that says which recording is better.
    """
    labelled = [pair for pair in pairs if pair.label is not None]
    if not labelled:
        raise ValueError(f"none of the {len(pairs)} pairs has a label; label some with `pkai-train pairs annotate`")
    if fold is None:
        rest, held_out = _part(labelled, _HELD_OUT_FOLDS, seed)
    else:
        # Not all others: of a player that is held out, some recordings may be in crossing pairs alone.
        inside = set(recordings_of(fold.train))
        rest, held_out = [pair for pair in labelled if {pair.first, pair.second} <= inside], fold.held_out
    out = [pair for pair in held_out if pair.answered]
    train, validation = _part(rest, _VALIDATION_FOLDS, seed)
    division = Division(train=train, validation=validation, held_out=out)
    n_recordings = len(recordings_of(labelled))
    for part, found in vars(division).items():
        if not any(pair.label for pair in found):
            raise ValueError(
                f"too few labelled pairs: {n_recordings} recordings leave none that says which is better for the part "
                f"{part.replace('_', ' ')}; label more pairs, or add recordings"
            )
    return division


def fine_tune(
    mean: MeanOfNetworks,
    features: Features,
    division: Division,
    how: FineTuning,
    listening: Listening,
    checkpoint: Path,
    *,
    progress: bool = True,
    variants: Variants | None = None,
) -> Course:
    """Train in place, going on from the checkpoint of an earlier call that was stopped.

    Parameters
    ----------
    mean : the shipped networks; holds the best weights afterwards
    features : of every recording in `division`
    listening : of the shipped model
    checkpoint : file written at each validation; one of other data or settings is not gone on from
    progress : show a bar
    variants : of recordings to train on, drawn as often as the recordings themselves
    """
    heard = _Choice(features, variants or {})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    mean.eval().to(device)
    optimizer = torch.optim.Adam(mean.parameters(), lr=how.learning_rate)
    state = _Progress(checkpoint, _fingerprint(mean, heard, division, how))
    if not state.resume(mean, optimizer):
        state.note(0, _validation_loss(mean, features, division.validation, listening), mean, optimizer)
    with tqdm(total=how.n_steps, initial=state.steps[-1], desc="fine-tuning", unit="step", disable=not progress) as bar:
        while state.steps[-1] < how.n_steps and not state.exhausted(how.patience):
            first = state.steps[-1]
            last = min(first + how.validate_every, how.n_steps)
            for step in range(first, last):
                loss = _batch_loss(mean, heard, division.train, how, listening, step)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                bar.update()
            state.note(last, _validation_loss(mean, features, division.validation, listening), mean, optimizer)
            bar.set_postfix_str(f"validation loss {state.losses[-1]:.3f}, at first {state.losses[0]:.3f}")
    mean.load_state_dict(state.best_weights)
    mean.cpu()
    return Course(steps=state.steps, losses=state.losses, best_step=state.best_step)


@dataclass(frozen=True)
class _Choice:
    """Each recording, and what variants of it there are."""

    features: Features
    variants: Variants

    def all_of(self, name: str) -> list[npt.NDArray[np.float16]]:
        """The recording, then its variants."""
        return [self.features[name], *self.variants.get(name, ())]

    def draw(self, name: str, rng: np.random.Generator) -> npt.NDArray[np.float16]:
        """One of them; where there is only one, nothing is drawn."""
        choice = self.all_of(name)
        return choice[rng.integers(len(choice))] if len(choice) > 1 else choice[0]


class _Progress:
    """Validations so far and the best weights among them, on the disk after each."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.best_step = 0
        self.best_weights: dict[str, Tensor] = {}

    def resume(self, mean: MeanOfNetworks, optimizer: torch.optim.Optimizer) -> bool:
        """Take up what an earlier call left, if it was of the same data and settings."""
        if not self.path.is_file():
            return False
        state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self.fingerprint:
            logger.warning("%s is of other data or settings: starting anew", self.path)
            return False
        mean.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        self.steps, self.losses = state["steps"], state["losses"]
        self.best_step, self.best_weights = state["best_step"], state["best_weights"]
        logger.info("going on from step %d", self.steps[-1])
        return True

    def note(self, step: int, loss: float, mean: MeanOfNetworks, optimizer: torch.optim.Optimizer) -> None:
        """Keep a validation and write the checkpoint; the shipped weights, of step 0, are never the best."""
        if self.best_step == 0 or loss < min(self.losses[1:]):
            self.best_step = step
            self.best_weights = {name: value.detach().cpu().clone() for name, value in mean.state_dict().items()}
        self.steps.append(step)
        self.losses.append(loss)
        state = {**vars(self), "weights": mean.state_dict(), "optimizer": optimizer.state_dict()}
        del state["path"]
        content = io.BytesIO()
        torch.save(state, content)
        replace_bytes(self.path, content.getvalue())

    def exhausted(self, patience: int) -> bool:
        """Whether as many validations in a row brought nothing, the shipped weights counting as the first."""
        return len(self.losses) - 1 - int(np.argmin(self.losses)) >= patience


def _part(pairs: list[Pair], k: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """What remains and the fullest of k folds; fewer folds where recordings are few, so that two can meet in one."""
    k = min(k, len(recordings_of(pairs)) // 2)
    if k < 2:
        raise ValueError(f"too few labelled pairs: {len(recordings_of(pairs))} recordings cannot be parted; add some")
    fold = max(
        split(pairs, k, seed=seed), key=lambda fold: sum(pair.answered and pair.label != 0 for pair in fold.held_out)
    )
    return fold.train, fold.held_out


def _batch_loss(
    mean: MeanOfNetworks, heard: _Choice, pairs: list[Pair], how: FineTuning, listening: Listening, step: int
) -> Tensor:
    """Loss of one batch; its number alone decides what is drawn, so a resumed run draws the same."""
    rng = np.random.default_rng([how.seed, step])
    torch.manual_seed(int(rng.integers(2**31)))
    drawn = [pairs[i] for i in rng.choice(len(pairs), min(how.n_pairs, len(pairs)), replace=False)]
    names = recordings_of(drawn)
    snippets = torch.cat([_snippets(heard.draw(name, rng), how.n_segments, listening, rng) for name in names])
    snippets = augmented(snippets, Augmentation(), listening.features).to(next(mean.parameters()).device)
    scores = mean(snippets)[0].view(len(names), how.n_segments).mean(dim=1)
    among = [pair for pair in pairs if pair.first in names and pair.second in names]
    return _loss(dict(zip(names, scores, strict=True)), among, listening)


def _validation_loss(mean: MeanOfNetworks, features: Features, pairs: list[Pair], listening: Listening) -> float:
    device = next(mean.parameters()).device
    with torch.no_grad():
        scores = {
            name: mean(_snippets(features[name], _VALIDATION_SEGMENTS, listening, None).to(device))[0].mean()
            for name in recordings_of(pairs)
        }
        return float(_loss(scores, pairs, listening))


def _snippets(
    features: npt.NDArray[np.float16], n_segments: int, listening: Listening, rng: np.random.Generator | None
) -> Tensor:
    """(K, S, M)."""
    starts = segments.sparse_starts(len(features), listening.snippet_frames, n_segments, rng)
    return torch.from_numpy(np.stack([features[start : start + listening.snippet_frames] for start in starts])).float()


def _loss(scores: Mapping[str, Tensor], pairs: Sequence[Pair], listening: Listening) -> Tensor:
    """Mean over pairs: logistic where one is better, beyond the tie band where they are equal."""
    ranked = [(pair.first, pair.second)[:: pair.label] for pair in pairs if pair.label in (1, -1)]
    equal = [(pair.first, pair.second) for pair in pairs if pair.label == 0]
    total = torch.zeros((), device=next(iter(scores.values())).device)
    if ranked:
        better, worse = (torch.stack([scores[name] for name in side]) for side in zip(*ranked, strict=True))
        total = total + preference_loss(better, worse, scale=listening.scale)
    if equal:
        one, other = (torch.stack([scores[name] for name in side]) for side in zip(*equal, strict=True))
        total = total + similarity_loss(one, other, scale=listening.scale, tie_band=listening.tie_band)
    return total / len(pairs)


def _fingerprint(mean: MeanOfNetworks, heard: _Choice, division: Division, how: FineTuning) -> str:
    """Of all that decides a step: weights to start from, recordings, pairs and settings, but not how many steps."""
    digest = hashlib.sha256()
    for tensor in mean.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    for name in sorted(heard.features):
        digest.update(name.encode() + b"".join(each.tobytes() for each in heard.all_of(name)))
    settings = {**dataclasses.asdict(how), "n_steps": None, "patience": None}
    digest.update(json.dumps([dataclasses.asdict(division), settings]).encode())
    return digest.hexdigest()
