"""Batches of snippets from the ladder: several versions of several excerpts, with their severities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from pkai.features import FeatureConfig
from training.bounds import require
from training.fitting.cepstrum import as_features
from training.ladder.flaws import FAMILIES, KINDS
from training.ladder.shards import Shard
from training.ladder.skill_ladder import LABEL_STEP_S

FAMILY_WEIGHTS = np.array(
    [sum(kind.weight for kind in KINDS.values() if kind.family == family) for family in FAMILIES], np.float32
)


# Of what is heard after the music, where the last sound dies away.
_MOST_AFTER_S = 1.5
# What is played again brings the music no further; added at each step, it makes the place where that begins the one.
_RISE = 1e-6


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Which snippets of a version are drawn, as in Temporal Segment Networks (Wang et al., ECCV 2016, section 3.1).

    Attributes
    ----------
    kind : "sparse" draws one snippet from each of as many equal segments, "dense" each from anywhere
    n_snippets : K of each version; their scores become one by segmental consensus
    """

    kind: Literal["dense", "sparse"] = "dense"
    n_snippets: int = 1

    def __post_init__(self) -> None:
        require(self, 1, float("inf"), "n_snippets")

    def places(self, drawn: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Relative places of the snippets, 0..1 each, from as many numbers of 0..1."""
        return (np.arange(len(drawn)) + drawn) / len(drawn) if self.kind == "sparse" else drawn


class Batch(NamedTuple):
    """K snippets of each of B versions of some excerpts.

    Attributes
    ----------
    snippets : (B * K, S, M), those of a version in a row
    damage : (B * K, F, L) severity of each family, 1 being a struggling learner
    severity : (B,) of all families together, in the snippets
    version_severity : (B,) the same, in the whole version that the snippets are of
    excerpt : (B,) which excerpt a version is of
    """

    snippets: Tensor
    damage: Tensor
    severity: Tensor
    version_severity: Tensor
    excerpt: Tensor


class LadderBatches(IterableDataset[Batch]):
    """Endless batches; the same seed gives the same ones.

    Parameters
    ----------
    shards : of the ladder
    snippet_frames : S
    features : made of the shards' log-mel frames
    n_excerpts, n_versions : in a batch; B is their product
    seed : of the draws
    emphasis : family -> factor of its share in the severity; 1 where none is given
    sampling : of the snippets of a version

    Raises
    ------
    ValueError
        If the shards have other mel bands than `features`, or fewer excerpts to compare than a batch is to have.
    """

    def __init__(
        self,
        shards: list[Shard],
        *,
        snippet_frames: int,
        features: FeatureConfig,
        n_excerpts: int,
        n_versions: int,
        seed: int,
        emphasis: Mapping[str, float] | None = None,
        sampling: SamplingConfig | None = None,
    ) -> None:
        self.snippet_frames = snippet_frames
        self.features = features
        self.frames_per_label = LABEL_STEP_S * features.frames_per_s
        self.n_excerpts, self.n_versions = n_excerpts, n_versions
        self.seed = seed
        self.sampling = sampling or SamplingConfig()
        self._versions = [
            version for shard in shards for version in versions(shard) if len(version.frames) >= snippet_frames
        ]
        self._places = [
            np.concatenate([[0.0], each.places + _RISE * (np.arange(len(each.places)) + 0.5)])
            for each in self._versions
        ]
        self._most_after = _MOST_AFTER_S * features.frames_per_s
        self._emphasis = np.array([(emphasis or {}).get(family, 1.0) for family in FAMILIES], np.float32)
        self._severities = [float((each.damage.mean(axis=0) * self._emphasis).sum()) for each in self._versions]
        self._by_excerpt = _by_excerpt(shards, snippet_frames)
        if (n_found := len(self._by_excerpt)) < n_excerpts:
            raise ValueError(
                f"n_excerpts is {n_excerpts}; the shards hold {n_found} with two versions as long as a snippet "
                f"({snippet_frames} frames): build a larger ladder, or ask for fewer excerpts or shorter snippets"
            )

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches for ever."""
        rng = np.random.default_rng(self.seed)
        while True:
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> Batch:
        """One batch; versions of an excerpt are cut at the same places of the music.

        So what differs within a pair is how a passage is played, not which passage it is: at place 0 the snippets of
        all versions begin with the excerpt, at place 1 they end where the version that came least far does, and in
        between what lies so far into the snippet is the same music. Recordings end sooner or later after the last
        note, and that says nothing.
        """
        n_snippets = self.sampling.n_snippets
        rows: list[tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]] = []
        excerpt: list[int] = []
        whole: list[float] = []
        for slot, chosen in enumerate(rng.choice(len(self._by_excerpt), self.n_excerpts, replace=False)):
            siblings = self._by_excerpt[chosen]
            places = self.sampling.places(rng.random(n_snippets))
            drawn = rng.choice(siblings, self.n_versions, replace=len(siblings) < self.n_versions)
            reached = min(float(self._versions[version].places[-1]) for version in drawn)
            left = min(len(self._versions[version].frames) - self._frame_at(version, reached) for version in drawn)
            after = rng.random() * float(np.clip(left, 0.0, self._most_after))
            for version in drawn:
                rows += [self._cut(version, place, reached, after) for place in places]
                excerpt.append(slot)
                whole.append(self._severities[version])
        damage = np.stack([row[1] for row in rows]).astype(np.float32)  # (B K, L, F)
        return Batch(
            as_features(torch.from_numpy(np.stack([row[0] for row in rows]).astype(np.float32)), self.features),
            torch.from_numpy(np.ascontiguousarray((damage / FAMILY_WEIGHTS).transpose(0, 2, 1))),
            torch.from_numpy((damage * self._emphasis).sum(axis=2).mean(axis=1).reshape(-1, n_snippets).mean(axis=1)),
            torch.tensor(whole),
            torch.tensor(excerpt),
        )

    def _frame_at(self, version: int, reached: float) -> float:
        """Frame at which the music of a version has come so far."""
        places = self._places[version]
        steps = np.maximum(np.arange(len(places)) - 0.5, 0.0)  # where the recording begins, then the middle of each
        return float(np.interp(reached, places, steps * self.frames_per_label))

    def _cut(
        self, version: int, place: float, reached: float, after: float
    ) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
        """A snippet of a version, heard until `after` frames past the place that is `reached`, and its damage."""
        frames, damage, _ = self._versions[version]
        begin = self._frame_at(version, place * reached) + place * (after - self.snippet_frames)
        start = round(float(np.clip(begin, 0, len(frames) - self.snippet_frames)))
        n_labels = round(self.snippet_frames / self.frames_per_label)
        first = min(round(start / self.frames_per_label), max(0, len(damage) - n_labels))
        return frames[start : start + self.snippet_frames], damage[first : first + n_labels]


class Recorded(NamedTuple):
    """A version as it was recorded: features (T, M), damage (L, F), and how far the music has come, (L,)."""

    frames: npt.NDArray[np.float16]
    damage: npt.NDArray[np.float16]
    places: npt.NDArray[np.float32]


def versions(shard: Shard) -> Iterator[Recorded]:
    """Each version in a shard, one after the other."""
    frame_edges = np.concatenate([[0], np.cumsum(shard.lengths)])
    label_edges = np.concatenate([[0], np.cumsum(shard.label_lengths)])
    for v in range(len(shard.lengths)):
        labels = slice(label_edges[v], label_edges[v + 1])
        yield Recorded(shard.frames[frame_edges[v] : frame_edges[v + 1]], shard.damage[labels], shard.places[labels])


def _by_excerpt(shards: list[Shard], snippet_frames: int) -> list[npt.NDArray[np.int64]]:
    """Indices of the versions of each excerpt, numbered over those long enough for a snippet."""
    groups: list[npt.NDArray[np.int64]] = []
    n_before = 0
    for shard in shards:
        excerpt = shard.excerpt[shard.lengths >= snippet_frames]
        groups += [n_before + np.flatnonzero(excerpt == index) for index in np.unique(excerpt)]
        n_before += len(excerpt)
    return [group for group in groups if len(group) >= 2]
