"""Batches of snippets from the ladder: several versions of several excerpts, with their severities."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from training.ladder import Shard
from training.skill_ladder import FAMILIES, KINDS, LABEL_STEP_S

FAMILY_WEIGHTS = np.array(
    [sum(kind.weight for kind in KINDS.values() if kind.family == family) for family in FAMILIES], np.float32
)


class Batch(NamedTuple):
    """Snippets of some excerpts.

    Attributes
    ----------
    snippets : (B, S, M)
    damage : (B, F, L) severity of each family, 1 being a struggling learner
    severity : (B,) of all families together, in the snippet
    version_severity : (B,) the same, in the whole version that the snippet is of
    excerpt : (B,) which excerpt a snippet is of
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
    frames_per_s : of the features
    n_excerpts, n_versions : in a batch; B is their product
    seed : of the draws
    emphasis : family -> factor of its share in the severity; 1 where none is given
    """

    def __init__(
        self,
        shards: list[Shard],
        *,
        snippet_frames: int,
        frames_per_s: float,
        n_excerpts: int,
        n_versions: int,
        seed: int,
        emphasis: Mapping[str, float] | None = None,
    ) -> None:
        self.snippet_frames = snippet_frames
        self.frames_per_label = LABEL_STEP_S * frames_per_s
        self.n_excerpts, self.n_versions = n_excerpts, n_versions
        self.seed = seed
        self._versions = [
            (frames, damage) for shard in shards for frames, damage in _split(shard) if len(frames) >= snippet_frames
        ]
        self._emphasis = np.array([(emphasis or {}).get(family, 1.0) for family in FAMILIES], np.float32)
        self._severities = [float((damage.mean(axis=0) * self._emphasis).sum()) for _, damage in self._versions]
        self._by_excerpt = _by_excerpt(shards, snippet_frames)

    def __iter__(self) -> Iterator[Batch]:
        """Draw batches for ever."""
        rng = np.random.default_rng(self.seed)
        while True:
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> Batch:
        """One batch; versions of an excerpt are cut at the same relative place half of the time."""
        rows: list[tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]] = []
        excerpt: list[int] = []
        whole: list[float] = []
        for slot, chosen in enumerate(rng.choice(len(self._by_excerpt), self.n_excerpts, replace=False)):
            versions = self._by_excerpt[chosen]
            place = rng.random() if rng.random() < 0.5 else None
            for version in rng.choice(versions, self.n_versions, replace=len(versions) < self.n_versions):
                rows.append(self._cut(version, rng.random() if place is None else place))
                excerpt.append(slot)
                whole.append(self._severities[version])
        damage = np.stack([row[1] for row in rows]).astype(np.float32)  # (B, L, F)
        return Batch(
            torch.from_numpy(np.stack([row[0] for row in rows]).astype(np.float32)),
            torch.from_numpy(np.ascontiguousarray((damage / FAMILY_WEIGHTS).transpose(0, 2, 1))),
            torch.from_numpy((damage * self._emphasis).sum(axis=2).mean(axis=1)),
            torch.tensor(whole),
            torch.tensor(excerpt),
        )

    def _cut(self, version: int, place: float) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]:
        frames, damage = self._versions[version]
        start = round(place * (len(frames) - self.snippet_frames))
        n_labels = round(self.snippet_frames / self.frames_per_label)
        first = min(round(start / self.frames_per_label), max(0, len(damage) - n_labels))
        return frames[start : start + self.snippet_frames], damage[first : first + n_labels]


def _split(shard: Shard) -> Iterator[tuple[npt.NDArray[np.float16], npt.NDArray[np.float16]]]:
    frame_edges = np.concatenate([[0], np.cumsum(shard.lengths)])
    label_edges = np.concatenate([[0], np.cumsum(shard.label_lengths)])
    for v in range(len(shard.lengths)):
        yield (
            shard.frames[frame_edges[v] : frame_edges[v + 1]],
            shard.damage[label_edges[v] : label_edges[v + 1]],
        )


def _by_excerpt(shards: list[Shard], snippet_frames: int) -> list[npt.NDArray[np.int64]]:
    """Indices of the versions of each excerpt, numbered over those long enough for a snippet."""
    groups: list[npt.NDArray[np.int64]] = []
    n_before = 0
    for shard in shards:
        excerpt = shard.excerpt[shard.lengths >= snippet_frames]
        groups += [n_before + np.flatnonzero(excerpt == index) for index in np.unique(excerpt)]
        n_before += len(excerpt)
    return [group for group in groups if len(group) >= 2]
