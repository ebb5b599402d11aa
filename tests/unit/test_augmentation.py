"""Augmentation is another microphone and a few holes, never another performance."""

import pytest
import torch
from torch import Tensor

from training.fitting.augmentation import Augmentation, augmented

NOTHING = Augmentation(equaliser_db=0.0, most_noise_db=0.0, widest_frequency_mask=0, widest_time_mask=0)
ONLY_EQUALISER = Augmentation(most_noise_db=0.0, widest_frequency_mask=0, widest_time_mask=0)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(20_170_301)


def loud(n: int, n_frames: int = 80, n_mels: int = 96) -> Tensor:
    """Snippets far above any noise."""
    return 2 + torch.rand(n, n_frames, n_mels)


@pytest.fixture
def floor() -> float:
    """What a hole is filled with."""
    return float(augmented(loud(100), Augmentation(equaliser_db=0.0, most_noise_db=0.0)).min())


def test_nothing_asked_for_changes_nothing_that_can_be_heard() -> None:
    snippets = loud(3)
    torch.testing.assert_close(augmented(snippets, NOTHING), snippets)


def test_the_snippets_given_are_left_as_they_were() -> None:
    snippets = loud(3)
    before = snippets.clone()
    found = augmented(snippets, Augmentation())
    assert found.shape == snippets.shape and found.dtype == snippets.dtype
    assert torch.equal(snippets, before)


def test_equal_snippets_are_each_changed_in_their_own_way() -> None:
    found = augmented(loud(1).expand(4, -1, -1), Augmentation())
    assert len({tuple(row.flatten().tolist()) for row in found}) == 4


def test_the_equaliser_is_one_smooth_gain_for_the_whole_snippet() -> None:
    snippets = loud(200, n_frames=4)
    gain = augmented(snippets, ONLY_EQUALISER) - snippets
    torch.testing.assert_close(gain, gain[:, :1].expand_as(gain), atol=1e-5, rtol=0)
    curve = gain[:, 0]
    assert float(curve[:, 0].std()) == pytest.approx(5.0 / 20, rel=0.2)
    bends = curve.diff(n=2, dim=1).abs() > 1e-4
    assert int(bends.sum(dim=1).max()) <= 12  # straight between eight places


def test_noise_lifts_only_what_lies_below_it(floor: float) -> None:
    how = Augmentation(equaliser_db=0.0, widest_frequency_mask=0, widest_time_mask=0)
    snippets = torch.linspace(floor, 3, 96).expand(50, 40, 96)
    found = augmented(snippets, how)
    assert torch.all(found >= snippets - 1e-6)
    top = floor + how.most_noise_db / 20
    above = snippets > top + 0.3
    torch.testing.assert_close(found[above], snippets[above])
    floors = found[:, :, 0].mean(dim=1)
    assert floor - 0.1 < float(floors.min()) < floor + 0.2
    assert top - 0.2 < float(floors.max()) < top + 0.1


def test_holes_are_no_wider_than_allowed_and_below_anything_that_was_played(floor: float) -> None:
    how = Augmentation(equaliser_db=0.0, most_noise_db=0.0, widest_frequency_mask=5, widest_time_mask=3)
    assert floor < -1
    hole = augmented(loud(100), how) == floor
    silent_frames = hole.all(dim=2).sum(dim=1)
    silent_bands = hole.all(dim=1).sum(dim=1)
    assert 0 < int(silent_frames.max()) <= 3
    assert 0 < int(silent_bands.max()) <= 5
    assert int((hole.flatten(1).any(dim=1)).sum()) > 50
