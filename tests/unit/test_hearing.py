"""What snippets say is merged so that every frame counts once, whatever overlaps."""

import numpy as np
import pytest

from pkai import hearing, segments
from pkai.assessment import RecordingFacts
from pkai.hearing import Hearing


def made(*, n_frames: int, hop_frames: int = 4, snippet_frames: int = 8) -> Hearing:
    """A recording at 10 frames a second whose second family's flaws are told by the snippet's number."""
    starts = segments.dense_starts(n_frames, snippet_frames, hop_frames)
    numbers = np.arange(len(starts), dtype=np.float64)
    told = np.stack([np.ones_like(numbers), numbers], axis=1)  # (K, F)
    flaws = np.repeat(told[:, :, None], snippet_frames, axis=2)
    return Hearing(
        recording=RecordingFacts(
            duration_s=n_frames / 10 + 1, played_from_s=0.5, played_to_s=0.5 + n_frames / 10, codec="", sample_rate=1,
            channels=1,
        ),
        features=np.zeros((n_frames, 1), np.float32), frames_per_s=10, starts=starts, snippet_frames=snippet_frames,
        moments=3,
        edges=hearing.timeline_edges(n_frames, hop_frames), snippet_scores=numbers,
        local_score=np.zeros(n_frames), local_attention=np.ones(n_frames),
        local_flaws=hearing.mean_over_snippets(flaws, starts, n_frames), damaged_packets=0,
    )  # fmt: skip


@pytest.mark.parametrize("n_frames", [8, 9, 13, 40, 61])
def test_what_every_snippet_says_alike_is_told_as_it_is_said_however_they_overlap(n_frames: int) -> None:
    heard = made(n_frames=n_frames)
    assert np.allclose(heard.local_flaws[0], 1)
    assert np.allclose(heard.on_timeline(heard.local_flaws)[0], 1)


def test_a_frame_is_told_the_mean_of_the_snippets_that_cover_it() -> None:
    heard = made(n_frames=16)  # snippets at 0, 4 and 8
    assert heard.local_flaws[1].tolist() == [0] * 4 + [0.5] * 4 + [1.5] * 4 + [2] * 4


def test_a_snippet_is_told_the_mean_of_its_frames() -> None:
    heard = made(n_frames=16)
    assert heard.over_snippets(heard.local_flaws[1]).tolist() == [0.25, 1.0, 1.75]


def test_stretches_of_the_timeline_hold_every_frame_once() -> None:
    heard = made(n_frames=61)
    assert heard.edges[0] == 0 and heard.edges[-1] == 61
    assert np.diff(heard.edges).min() >= 4
    lengths = np.diff(heard.edges)
    on_timeline = heard.on_timeline(heard.local_flaws)
    assert on_timeline.shape == (2, len(lengths))
    assert np.average(on_timeline[1], weights=lengths) == pytest.approx(heard.local_flaws[1].mean())


def test_steps_of_the_network_are_spread_over_the_frames_they_stand_for() -> None:
    steps = np.array([[[1.0, 2.0]]], np.float32)
    assert hearing.per_frame(steps, 5).tolist() == [[[1, 1, 1, 2, 2]]]
    assert hearing.per_frame(np.array([[1.0, 2.0, 3.0]], np.float32), 2).tolist() == [[1, 2]]


def test_the_last_frame_ends_when_the_playing_does() -> None:
    heard = made(n_frames=16)
    assert heard.second(0) == 0.5
    assert heard.second(16) == heard.second(99) == 2.1
