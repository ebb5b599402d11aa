"""Batches hold what the shards hold: the right versions, the right places, and the damage that belongs there."""

import dataclasses

import numpy as np
import pytest
import torch

from pkai.features import FeatureConfig
from training.fitting.snippets import FAMILY_WEIGHTS, Batch, LadderBatches, SamplingConfig
from training.ladder.flaws import FAMILIES
from training.ladder.shards import Shard

FEATURES = FeatureConfig(n_mels=2, n_mfcc=2)  # 50 frames per second
FRAMES_PER_LABEL = 25
SNIPPET = 100
N_LABELS = SNIPPET // FRAMES_PER_LABEL


def shard(lengths: list[int], excerpt: list[int], *, first: int = 0, whole: list[int] | None = None) -> Shard:
    """Versions whose frames hold (version, time) and whose damage holds the time of its label step.

    The music of each takes `whole` frames at an even pace, of which it has as many as `lengths` says; all, by default.
    """
    frames = [np.stack([np.full(n, first + v), np.arange(n)], axis=1).astype(np.float16) for v, n in enumerate(lengths)]
    label_lengths = [-(-n // FRAMES_PER_LABEL) for n in lengths]
    damage = [np.repeat(np.arange(n)[:, None], len(FAMILIES), axis=1).astype(np.float16) for n in label_lengths]
    places = [
        np.minimum((np.arange(n) + 0.5) * FRAMES_PER_LABEL / of, 1.0)
        for n, of in zip(label_lengths, whole or lengths, strict=True)
    ]
    return Shard(
        frames=np.concatenate(frames),
        damage=np.concatenate(damage),
        places=np.concatenate(places).astype(np.float32),
        lengths=np.array(lengths),
        label_lengths=np.array(label_lengths),
        excerpt=np.array(excerpt),
        pieces=np.array(["a"] * len(lengths)),
        severity=np.arange(first, first + len(lengths)).astype(np.float32) / np.float32(10),
    )


LENGTHS = [400, 500, 50, 450, 300, 600, 350, 700]
SHARDS = [shard(LENGTHS[:4], [0, 0, 0, 1]), shard(LENGTHS[4:], [0, 0, 1, 1], first=4)]
# Of the first shard's excerpts one has a single version left: nothing to compare with.
COMPARABLE = [{0, 1}, {4, 5}, {6, 7}]


def batches(
    seed: int = 0, *, n_excerpts: int = 3, n_versions: int = 2, emphasis: dict[str, float] | None = None
) -> LadderBatches:
    return LadderBatches(
        SHARDS,
        snippet_frames=SNIPPET,
        features=FEATURES,
        n_excerpts=n_excerpts,
        n_versions=n_versions,
        seed=seed,
        emphasis=emphasis,
    )


def draw(seed: int) -> Batch:
    return batches().draw(np.random.default_rng(seed))


def test_a_batch_has_as_many_versions_of_as_many_excerpts_as_asked_for() -> None:
    batch = draw(0)
    assert batch.snippets.shape == (6, SNIPPET, 2)
    assert batch.damage.shape == (6, len(FAMILIES), N_LABELS)
    assert batch.severity.shape == batch.version_severity.shape == (6,)
    assert batch.excerpt.tolist() == [0, 0, 1, 1, 2, 2]
    assert {part.dtype for part in batch[:4]} == {torch.float32}


@pytest.mark.parametrize("seed", range(20))
def test_snippets_of_one_slot_are_versions_of_one_excerpt(seed: int) -> None:
    batch = draw(seed)
    versions = batch.snippets[:, 0, 0].int().tolist()
    assert sorted(map(sorted, np.reshape(versions, (3, 2)).tolist())) == [sorted(each) for each in COMPARABLE]
    n_labels = {v: -(-n // FRAMES_PER_LABEL) for v, n in enumerate(LENGTHS)}
    wanted = [len(FAMILIES) * (n_labels[version] - 1) / 2 for version in versions]
    assert batch.version_severity.tolist() == pytest.approx(wanted, rel=2e-3)  # float16 on disk


@pytest.mark.parametrize("seed", range(20))
def test_damage_is_that_of_the_place_that_was_cut(seed: int) -> None:
    batch = draw(seed)
    times = batch.snippets[:, :, 1]
    assert torch.equal(times.diff(dim=1), torch.ones(6, SNIPPET - 1))  # never across the end of a version
    wanted = times.reshape(6, N_LABELS, FRAMES_PER_LABEL).mean(dim=2) / FRAMES_PER_LABEL - 0.5
    told = batch.damage[:, 0] * float(FAMILY_WEIGHTS[0])
    assert float((told - wanted).abs().max()) <= 0.55  # half a label step


def test_the_severity_of_a_snippet_is_the_sum_over_families_and_mean_over_time() -> None:
    batch = draw(3)
    weighted = batch.damage * torch.from_numpy(FAMILY_WEIGHTS)[None, :, None]
    torch.testing.assert_close(weighted.sum(dim=1).mean(dim=1), batch.severity)
    assert float(FAMILY_WEIGHTS.sum()) == pytest.approx(1.0)


def test_an_emphasis_weighs_its_family_in_the_severities_and_leaves_the_damage() -> None:
    plain, heavy = (
        batches(emphasis=emphasis).draw(np.random.default_rng(5)) for emphasis in (None, {FAMILIES[1]: 3.0})
    )
    assert torch.equal(plain.damage, heavy.damage)
    # All families are alike here: one that counts three times makes nine sevenths of seven.
    share = (len(FAMILIES) + 2) / len(FAMILIES)
    torch.testing.assert_close(heavy.severity, share * plain.severity)
    torch.testing.assert_close(heavy.version_severity, share * plain.version_severity)


def test_the_music_of_a_slow_versions_snippet_lies_within_that_of_a_fast_ones() -> None:
    """Though the slow one breaks off before its end."""
    lengths, whole = np.array([400, 600]), np.array([400, 1000])
    source = LadderBatches(
        [shard(lengths.tolist(), [0, 0], whole=whole.tolist())],
        snippet_frames=SNIPPET, features=FEATURES, n_excerpts=1, n_versions=2, seed=0,
    )  # fmt: skip
    begins, ends = [], []
    for seed in range(200):
        batch = source.draw(np.random.default_rng(seed))
        order = np.argsort(batch.snippets[:, 0, 0].numpy())
        begin, end = ((batch.snippets[:, at, 1].numpy()[order] + at / (SNIPPET - 1)) / whole for at in (0, SNIPPET - 1))
        begins.append(begin)
        ends.append(end)
    fast_begins, slow_begins = np.array(begins).T
    fast_ends, slow_ends = np.array(ends).T
    assert (slow_begins >= fast_begins - 0.005).all() and (slow_ends <= fast_ends + 0.005).all()
    assert fast_begins.min() < 0.05 and slow_ends.max() > 0.55  # from the beginning to where the slow one breaks off
    assert fast_ends.max() < 0.7


def test_where_music_is_played_again_it_is_found_where_it_began() -> None:
    once = shard([400, 400], [0, 0])
    again = once.places.copy()
    again[16 + 8 :] = np.minimum(again[16 + 8 :], np.maximum(again[16 + 4 : -4], again[16 + 7]))  # four steps, twice
    source = LadderBatches(
        [dataclasses.replace(once, places=again)],
        snippet_frames=SNIPPET, features=FEATURES, n_excerpts=1, n_versions=2, seed=0,
    )  # fmt: skip
    assert source._frame_at(1, float(again[16 + 7])) == pytest.approx(7.5 * FRAMES_PER_LABEL, abs=1.0)


def test_the_same_seed_draws_the_same_batches_each_time_it_is_asked() -> None:
    first, again, other = (
        [batch.snippets for _, batch in zip(range(3), source, strict=False)]
        for source in (batches(1), batches(1), batches(2))
    )
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))
    assert not torch.equal(first[0], first[1])


def test_more_versions_than_there_are_come_twice() -> None:
    batch = batches(n_versions=5).draw(np.random.default_rng(0))
    assert batch.snippets.shape[0] == 15


@pytest.mark.parametrize(("snippet", "n_found"), [(SNIPPET, 3), (max(LENGTHS) + 1, 0)])
def test_more_excerpts_than_can_be_compared_are_refused(snippet: int, n_found: int) -> None:
    told = rf"n_excerpts is 4; the shards hold {n_found} with two versions as long as a snippet \({snippet} frames\)"
    with pytest.raises(ValueError, match=told):
        LadderBatches(SHARDS, snippet_frames=snippet, features=FEATURES, n_excerpts=4, n_versions=2, seed=0)


def several(kind: str, seed: int) -> Batch:
    sampling = SamplingConfig(kind=kind, n_snippets=3)  # type: ignore[arg-type]
    source = LadderBatches(
        SHARDS, snippet_frames=SNIPPET, features=FEATURES, n_excerpts=3, n_versions=2, seed=0, sampling=sampling
    )
    return source.draw(np.random.default_rng(seed))


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_the_snippets_of_a_version_come_in_a_row_and_their_severity_is_their_mean(kind: str) -> None:
    batch = several(kind, 0)
    versions = batch.snippets[:, 0, 0].reshape(6, 3)
    assert torch.equal(versions, versions[:, :1].expand(6, 3))
    assert batch.damage.shape == (18, len(FAMILIES), N_LABELS)
    assert batch.severity.shape == batch.version_severity.shape == batch.excerpt.shape == (6,)
    weighted = batch.damage * torch.from_numpy(FAMILY_WEIGHTS)[None, :, None]
    torch.testing.assert_close(weighted.sum(dim=1).mean(dim=1).view(6, 3).mean(dim=1), batch.severity)


@pytest.mark.parametrize("seed", range(10))
def test_sparse_sampling_draws_one_snippet_from_each_equal_segment(seed: int) -> None:
    batch = several("sparse", seed)
    span = np.array(LENGTHS)[batch.snippets[:, 0, 0].int().numpy()] - SNIPPET
    start = batch.snippets[:, 0, 1].numpy().reshape(6, 3)
    for k in range(3):
        earliest, latest = (part / 3 * span.reshape(6, 3)[:, k] for part in (k, k + 1))
        assert (start[:, k] >= earliest - FRAMES_PER_LABEL).all() and (start[:, k] <= latest + 1).all()


def test_dense_sampling_draws_from_anywhere() -> None:
    span = np.array(LENGTHS) - SNIPPET
    first = np.concatenate(
        [
            (batch.snippets[:, 0, 1].numpy() / span[batch.snippets[:, 0, 0].int().numpy()]).reshape(6, 3)[:, 0]
            for batch in (several("dense", seed) for seed in range(10))
        ]
    )
    assert first.min() < 0.2 and first.max() > 0.8


def test_no_snippet_of_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="n_snippets is 0; it must be 1 or more"):
        SamplingConfig(n_snippets=0)


def test_cepstra_are_those_of_the_frames() -> None:
    config = FeatureConfig(kind="mfcc", n_mels=2, n_mfcc=1)
    source = LadderBatches(SHARDS, snippet_frames=SNIPPET, features=config, n_excerpts=3, n_versions=2, seed=0)
    found, frames = source.draw(np.random.default_rng(0)).snippets, draw(0).snippets
    torch.testing.assert_close(found, frames.sum(dim=2, keepdim=True) / 2**0.5)
