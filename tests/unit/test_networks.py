"""A network scores each snippet for itself, tells where it listened and what was wrong, and can learn an order."""

import copy
from typing import Literal

import pytest
import torch
from torch import Tensor

from training.fitting.config import RunConfig
from training.fitting.losses import LossConfig
from training.fitting.objective import objective
from training.fitting.snippets import Batch
from training.ladder.flaws import FAMILIES
from training.networks import pairwise
from training.networks.ranker import AUDIBLE_FLOOR, NetworkConfig, Ranker

NETWORKS = {
    "pdr": NetworkConfig(base="tiny", dropout=0.0),
    "apr": NetworkConfig(kind="apr", base="tiny", dropout=0.0),
    "original-pdr": NetworkConfig(base="resnet18", channels=(2, 2, 3, 3), dropout=0.0),
    "original-apr": NetworkConfig(kind="apr", base="resnet18", channels=(2, 2, 3, 3), dropout=0.0),
}
APR = [name for name, config in NETWORKS.items() if config.kind == "apr"]
N_FRAMES, N_MELS = 120, 96


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(20_170_301)


def snippets(n: int) -> Tensor:
    return torch.randn(n, N_FRAMES, N_MELS)


def fresh(name: str) -> Ranker:
    return pairwise.build(NETWORKS[name], len(FAMILIES))


def settled(name: str) -> Ranker:
    """With running statistics of its own, as after training."""
    made = fresh(name)
    with torch.no_grad():
        for _ in range(3):
            made(snippets(8))
    return made.eval()


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Ranker:
    """Each of them; to be left as it is."""
    torch.manual_seed(20_170_301)
    return settled(request.param)


def run_of(name: str, **loss: float) -> RunConfig:
    """A run in which the scores are ranked; the originals compare no evidence over time."""
    weights = {"disparity": 0.0} if name.startswith("original") else {}
    return RunConfig(network=NETWORKS[name], loss=LossConfig(**{**weights, **loss}))  # type: ignore[arg-type]


def batch(severity: Tensor) -> Batch:
    """Versions of one excerpt, each damaged evenly in all families."""
    n = len(severity)
    damage = (severity / len(FAMILIES))[:, None, None].expand(n, len(FAMILIES), 4)
    return Batch(snippets(n), damage, severity, severity, torch.zeros(n))


def test_there_is_one_score_for_each_snippet_and_attention_adds_up_to_one(network: Ranker) -> None:
    score, attention, _ = network(snippets(5))
    assert score.shape == (5,)
    assert attention.shape[0] == 5 and attention.ndim == 2
    assert float(attention.detach().min()) >= 0
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(5))


def test_flaws_are_told_for_each_family_and_step_and_are_not_negative(network: Ranker) -> None:
    _, attention, told = network(snippets(3))
    assert told.shape == (3, len(FAMILIES), attention.shape[1])
    assert float(told.detach().min()) >= 0


def test_neighbours_in_a_batch_never_change_a_score(network: Ranker) -> None:
    heard = snippets(6)
    heard[3] *= 50
    with torch.no_grad():
        together, attention, flaws = network(heard)
        for k in range(6):
            alone = network(heard[k : k + 1])
            torch.testing.assert_close(alone[0], together[k : k + 1], atol=1e-4, rtol=1e-5)
            torch.testing.assert_close(alone[1], attention[k : k + 1], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone[2], flaws[k : k + 1], atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(network(heard.flip(0))[0], together.flip(0), atol=1e-4, rtol=1e-5)


def test_scoring_twice_gives_the_same_score(network: Ranker) -> None:
    heard = snippets(2)
    assert torch.equal(network(heard)[0], network(heard)[0])


def test_a_snippet_of_any_length_has_a_score(network: Ranker) -> None:
    scores = [network(torch.randn(1, n, N_MELS))[0] for n in (60, 200, 400)]
    assert all(bool(torch.isfinite(score).all()) for score in scores)


def test_what_cannot_be_heard_changes_no_score_of_log_mel_and_does_of_cepstra() -> None:
    quiet = torch.full((1, N_FRAMES, N_MELS), AUDIBLE_FLOOR - 0.2)
    quieter = quiet - 0.5
    for features, same in (("log-mel", True), ("mfcc", False)):
        made = pairwise.build(NETWORKS["pdr"], 1, features).eval()  # type: ignore[arg-type]
        assert torch.equal(made(quiet)[0], made(quieter)[0]) is same


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_learns_from_what_training_makes_small(name: str) -> None:
    made, given = fresh(name), batch(torch.linspace(0, 1.4, 6))
    total, terms = objective(made.hear(given.snippets), given, run_of(name))
    total.backward()  # type: ignore[no-untyped-call]
    assert [weight for weight, values in made.named_parameters() if values.grad is None] == []
    assert ("diversity" in terms) is (name in APR)


@pytest.mark.parametrize("channels", [(2, 2, 3, 3), (16, 16, 16, 32)])
@pytest.mark.parametrize("kind", ["pdr", "apr"])
def test_a_network_learns_the_same_in_the_layout_of_training(
    kind: Literal["pdr", "apr"], channels: tuple[int, ...]
) -> None:
    config = NetworkConfig(kind=kind, base="resnet18", channels=channels, dropout=0.0)
    plain = pairwise.build(config, len(FAMILIES), "mfcc")
    laid_out = copy.deepcopy(plain)
    laid_out.lay_out_for_training()
    heard = snippets(3)
    for network in (plain, laid_out):
        network(heard)[0].square().sum().backward()
    whole = all(count % 16 == 0 for count in channels)  # the backward pass of others corrupts memory
    stem = laid_out.get_parameter("trunk.1.0.first.0.weight")
    assert stem.is_contiguous(memory_format=torch.channels_last) == whole
    for one, other in zip(plain.parameters(), laid_out.parameters(), strict=True):
        if one.grad is not None:
            assert other.grad is not None
            assert (other.grad - one.grad).norm() <= 1e-3 * one.grad.norm() + 1e-5


@pytest.mark.parametrize("name", APR)
def test_the_score_is_what_shows_skill_less_what_shows_the_lack_of_it(name: str) -> None:
    heard = settled(name).hear(snippets(4))
    assert heard.good is not None and heard.bad is not None
    torch.testing.assert_close(heard.score, heard.good.score - heard.bad.score)
    torch.testing.assert_close(heard.attention, (heard.good.attention + heard.bad.attention) / 2)
    for branch in (heard.good, heard.bad):
        torch.testing.assert_close(branch.attention.sum(dim=1), torch.ones(4))


def test_evidence_is_never_negative_and_counts_where_it_is_attended_to() -> None:
    made = pairwise.AttentionPairwiseRanker(len(FAMILIES), NETWORKS["apr"])
    with torch.no_grad():
        for branch in (made.good, made.bad):
            branch.attend.weight *= 100  # a fresh network attends to all steps nearly alike
        heard = made.hear(snippets(4))
    for found in (heard.good, heard.bad):
        assert found is not None and float(found.evidence.min()) >= 0
        assert not torch.allclose(found.evidence, found.everywhere, rtol=1e-3)


@pytest.mark.parametrize("name", ["pdr", "apr"])
def test_a_tiny_network_learns_the_order_of_eight_snippets(name: str) -> None:
    made, given, run = fresh(name), batch(torch.linspace(0, 1.4, 8)[torch.randperm(8)]), run_of(name)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(60):
        total, _ = objective(made.hear(given.snippets), given, run)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        heard = made.hear(given.snippets)
    assert torch.equal(heard.score.argsort(descending=True), given.severity.argsort())
    if heard.good is not None and heard.bad is not None:
        worst, best = int(given.severity.argmax()), int(given.severity.argmin())
        assert heard.good.score[best] > heard.good.score[worst]
        assert heard.bad.score[best] < heard.bad.score[worst]


def test_weights_of_losses_decide_what_is_learnt() -> None:
    made, given = fresh("apr"), batch(torch.tensor([0.0, 1.0]))
    heard = made.hear(given.snippets)
    nothing = {"scores": 0.0, "branches": 0.0, "disparity": 0.0, "diversity": 0.0}
    for weight, names in {
        "scores": ("rank",),
        "branches": ("branches", "evidence"),
        "disparity": ("disparity",),
        "diversity": ("diversity",),
    }.items():
        run = run_of("apr", **{**nothing, weight: 2.0})
        total, terms = objective(heard, given, run)
        flaws = run.flaw_weight * terms["sensed"] + terms["flaws"] + terms["flaw_order"]
        wanted = flaws + 2.0 * sum(terms[name] for name in names)
        torch.testing.assert_close(total, wanted)


def test_of_the_bad_branch_the_evidence_rises_with_what_is_wrong() -> None:
    """It tells the pair apart by 2, which is wide enough; the good branch not at all, and lacks the whole margin."""
    run, nothing = run_of("apr"), torch.zeros(2)
    made = fresh("apr").hear(snippets(2))
    assert made.good is not None and made.bad is not None
    good = made.good._replace(evidence=nothing, everywhere=nothing)
    bad = made.bad._replace(evidence=torch.tensor([0.0, 2.0]), everywhere=nothing)
    _, terms = objective(made._replace(good=good, bad=bad), batch(torch.tensor([0.0, 1.0])), run)
    assert run.loss.disparity_margin <= 2
    assert float(terms["disparity"]) == pytest.approx(run.loss.disparity_margin)


@pytest.mark.parametrize(("share", "better"), [(1.0, 0), (0.0, 1)])
def test_a_snippet_is_ranked_by_its_own_flaws_or_by_those_of_its_version(share: float, better: int) -> None:
    given = batch(torch.tensor([0.0, 1.0]))._replace(version_severity=torch.tensor([1.0, 0.0]))
    run = RunConfig.from_dict({"local_share": share, "loss": {"kind": "softplus"}})
    heard = fresh("pdr").hear(given.snippets)
    _, terms = objective(heard, given, run)
    gap = heard.score[better] - heard.score[1 - better]
    torch.testing.assert_close(terms["rank"], torch.nn.functional.softplus(-gap))


def test_scores_of_a_recordings_snippets_are_ranked_by_their_mean() -> None:
    given = batch(torch.tensor([0.0, 1.0]))
    several = given._replace(snippets=snippets(6), damage=given.damage.repeat_interleave(3, dim=0))
    run = RunConfig.from_dict({"sampling": {"kind": "sparse", "n_snippets": 3}, "loss": {"kind": "softplus"}})
    heard = fresh("pdr").hear(several.snippets)
    _, terms = objective(heard, several, run)
    better, worse = heard.score[:3].mean(), heard.score[3:].mean()
    torch.testing.assert_close(terms["rank"], torch.nn.functional.softplus(worse - better))
