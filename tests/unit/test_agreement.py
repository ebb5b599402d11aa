"""Agreement between annotators: published examples, sklearn's own numbers, and what they say together."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from training.labels.agreement import agreement, cohen_kappa, consensus, fleiss_kappa, krippendorff_alpha
from training.labels.pairs import Pair

GAP = np.nan


def test_cohens_kappa_equals_sklearns(rng: np.random.Generator) -> None:
    for _ in range(20):
        first = rng.integers(-1, 2, 40).astype(float)
        second = np.where(rng.random(40) < 0.6, first, rng.integers(-1, 2, 40))
        assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_cohens_kappa_takes_only_what_both_answered() -> None:
    assert cohen_kappa(np.array([1, 0, 1, GAP]), np.array([1, 0, GAP, 0])) == 1.0
    assert math.isnan(cohen_kappa(np.array([1, GAP]), np.array([GAP, 0])))
    assert math.isnan(cohen_kappa(np.array([1.0, 1.0]), np.array([1.0, 1.0])))


def test_fleiss_kappa_of_a_case_worked_by_hand() -> None:
    # Three annotators, four pairs: counts per pair (2,1,0), (3,0,0), (0,2,1), (0,0,3).
    ratings = np.array([[-1, -1, 0, 1], [-1, -1, 0, 1], [0, -1, 1, 1]], float)
    observed = (1 / 3 + 1 + 1 / 3 + 1) / 4
    expected = (5**2 + 3**2 + 4**2) / 12**2
    assert fleiss_kappa(ratings) == pytest.approx((observed - expected) / (1 - expected))


def test_two_annotators_who_use_labels_alike_have_the_same_fleiss_and_cohen() -> None:
    ratings = np.array([[1, 1, 0, 0, -1, -1], [1, 0, 0, -1, -1, 1]], float)
    assert fleiss_kappa(ratings) == pytest.approx(cohen_kappa(*ratings))
    assert math.isnan(fleiss_kappa(np.array([[1, GAP], [GAP, 1.0]])))


def test_krippendorffs_alpha_counts_a_reversal_as_worse_than_a_tie_missed() -> None:
    missed = np.array([[1, 0, -1, 1, -1, 0], [1, 0, -1, 1, -1, 1]], float)
    reversed_ = np.array([[1, 0, -1, 1, -1, 1], [1, 0, -1, 1, -1, -1]], float)
    assert krippendorff_alpha(missed, "ordinal") > krippendorff_alpha(reversed_, "ordinal")
    assert krippendorff_alpha(missed[:, :5], "nominal") == 1.0
    assert math.isnan(krippendorff_alpha(np.ones((2, 3)), "nominal"))


def test_krippendorffs_alpha_of_two_by_two_is_the_textbooks() -> None:
    # Nominal alpha of two observers: 1 - (n - 1) o_01 / (n_0 n_1), Krippendorff (2018), ch. 12.
    ratings = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], float)
    ones = ratings.sum()
    assert krippendorff_alpha(ratings, "nominal") == pytest.approx(1 - 19 * 4 / (ones * (20 - ones)))


def test_agreement_is_about_answers_alone_whichever_way_a_pair_is_turned() -> None:
    ann = [Pair("a", "b", 1, "ann"), Pair("a", "c", 0, "ann"), Pair("b", "c", 1, "inferred")]
    bob = [Pair("b", "a", -1, "bob"), Pair("a", "c", 0, "bob"), Pair("b", "c", -1, "bob")]
    found = agreement({"ann": ann, "bob": bob})
    assert found.shared == 2
    assert found.cohen == {("ann", "bob"): 1.0}
    assert found.fleiss == found.alpha_nominal == found.alpha_ordinal == 1.0


def test_agreement_needs_two_annotators_with_something_in_common() -> None:
    with pytest.raises(ValueError, match="two annotators or more"):
        agreement({"ann": [Pair("a", "b", 1)]})
    with pytest.raises(ValueError, match="no pair has answers by two people"):
        agreement({"ann": [Pair("a", "b", 1)], "bob": [Pair("a", "c", 1)]})


def test_an_answer_that_was_copied_is_one_answer() -> None:
    old = [Pair("a", "b", 1, "me"), Pair("a", "c", 0, "me")]
    tables = {"ann": [*old, Pair("b", "c", 1, "ann")], "bob": [*old, Pair("b", "c", -1, "bob")]}
    assert agreement(tables).shared == 1
    assert agreement(tables).cohen["ann", "bob"] < 0.1
    tables["eve"] = [Pair("a", "b", -1, "eve")]
    merged, disputed = consensus(tables)
    assert merged[0] == Pair("a", "b")
    assert disputed == [("a", "b"), ("b", "c")]


def test_consensus_is_what_more_than_half_say() -> None:
    tables = {
        "ann": [Pair("a", "b", 1), Pair("a", "c", 1), Pair("b", "c", 0), Pair("a", "d")],
        "bob": [Pair("b", "a", -1), Pair("a", "c", -1), Pair("c", "b", 0), Pair("c", "d", 1)],
        "eve": [Pair("a", "b", 0), Pair("a", "d", 1, "inferred")],
    }
    merged, disputed = consensus(tables)
    assert merged == [Pair("a", "b", 1), Pair("a", "c"), Pair("b", "c", 0), Pair("a", "d"), Pair("c", "d", 1)]
    assert disputed == [("a", "c")]
