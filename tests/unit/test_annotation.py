"""What follows from answers, and what contradicts them."""

import re
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.labels.annotation import RULES, Answers, Rule, close, explain, positions
from training.labels.contradictions import contradiction_of, find_contradictions
from training.labels.pairs import Key, Pair, key_of

NAMES = tuple("abcdefg")
ALL_PAIRS = list(combinations(NAMES, 2))
Labels = dict[Key, int]


def closed(labels: Labels, rule: Rule, names: tuple[str, ...] = NAMES) -> Labels:
    """Everything known, as labels from the name that sorts first."""
    closure = close(Answers.of(names, labels), rule)
    known: Labels = {}
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        if closure.known[i, j]:
            known[a, b] = int(closure.better[i, j]) - int(closure.better[j, i])
    return known


def some_of(full: Labels) -> st.SearchStrategy[Labels]:
    """Any part of some answers."""
    return st.sets(st.sampled_from(sorted(full))).map(lambda keys: {key: full[key] for key in sorted(keys)})


def of_levels(levels: list[float], just_noticeable: float = 0.0) -> Labels:
    """What ears say that hear differences above a threshold."""
    place = dict(zip(NAMES, levels, strict=True))
    differences = {(a, b): place[a] - place[b] for a, b in ALL_PAIRS}
    return {key: int(np.sign(d)) if abs(d) > just_noticeable else 0 for key, d in differences.items()}


scales = st.lists(st.integers(0, 4), min_size=len(NAMES), max_size=len(NAMES)).map(lambda v: of_levels([*v]))
ears = st.lists(st.integers(0, 12), min_size=len(NAMES), max_size=len(NAMES)).map(lambda v: of_levels([*v], 2.5))
anything = st.dictionaries(st.sampled_from(ALL_PAIRS), st.sampled_from([1, 0, -1]))


@given(answers=scales.flatmap(lambda full: st.tuples(st.just(full), some_of(full))))
def test_transitive_closure_says_nothing_but_the_truth_and_contradicts_nothing(answers: tuple[Labels, Labels]) -> None:
    full, given_labels = answers
    known = closed(given_labels, "transitive")
    assert given_labels.items() <= known.items() <= full.items()
    assert closed(known, "transitive") == known
    assert find_contradictions(NAMES, given_labels.items(), "transitive")[0] == []


@given(labels=scales.flatmap(some_of))
def test_transitive_closure_leaves_out_only_what_could_be_otherwise(labels: Labels) -> None:
    names = NAMES[:4]
    labels = {key: label for key, label in labels.items() if set(key) <= set(names)}
    possible: dict[Key, set[int]] = {key: set() for key in combinations(names, 2)}
    for levels in product(range(4), repeat=4):
        full = {(a, b): int(np.sign(levels[i] - levels[j])) for (i, a), (j, b) in combinations(enumerate(names), 2)}
        if labels.items() <= full.items():
            for key, label in full.items():
                possible[key].add(label)
    assert closed(labels, "transitive", names) == {key: min(v) for key, v in possible.items() if len(v) == 1}


@given(answers=ears.flatmap(lambda full: st.tuples(st.just(full), some_of(full))))
def test_votes_say_nothing_but_the_truth_to_ears_with_a_threshold(answers: tuple[Labels, Labels]) -> None:
    full, given_labels = answers
    assert given_labels.items() <= closed(given_labels, "voted").items() <= full.items()
    assert find_contradictions(NAMES, given_labels.items(), "voted")[0] == []


@given(labels=anything, rule=st.sampled_from(RULES))
def test_an_answer_stands_whatever_the_others_say_and_nothing_depends_on_names(labels: Labels, rule: Rule) -> None:
    known = closed(labels, rule)
    assert labels.items() <= known.items()
    turned = dict(zip(NAMES, reversed(NAMES), strict=True))
    mirrored = {key_of(turned[a], turned[b]): -label for (a, b), label in labels.items()}
    back = {key_of(turned[a], turned[b]): -label for (a, b), label in closed(mirrored, rule).items()}
    assert back == known


@given(labels=anything, rule=st.sampled_from(RULES))
def test_a_cycle_consists_of_answers_and_contradicts_itself(labels: Labels, rule: Rule) -> None:
    found, agreeing = find_contradictions(NAMES, labels.items(), rule)
    for contradiction in found:
        words = contradiction.cycle.split()
        nodes, signs = words[::2], words[1::2]
        assert nodes[0] == nodes[-1]
        for (here, there), sign in zip(pairwise(nodes), signs, strict=True):
            label = labels[key_of(here, there)]
            assert sign == {0: "=", 1: ">", -1: "<"}[label if here < there else -label]
        assert "<" not in signs
        assert signs.count(">") >= (1 if rule == "transitive" else max(1, signs.count("=")))
    assert {c.pair for c in found}.isdisjoint(answered(agreeing))
    assert {c.pair for c in found} | answered(agreeing) == set(labels)
    assert find_contradictions(NAMES, [(k, labels[k]) for k in labels if k in answered(agreeing)], rule)[0] == []


def answered(answers: Answers) -> set[Key]:
    return {(a, b) for a, b in ALL_PAIRS if answers.label(a, b) is not None}


@pytest.mark.parametrize(
    ("labels", "rule", "cycle"),
    [
        ({"ab": 1, "bc": 1, "ac": -1}, "voted", "a > b > c > a"),
        ({"ab": 1, "bc": 1, "ac": 0}, "voted", "a > b > c = a"),
        ({"ab": 1, "bc": 0, "ac": 0}, "transitive", "a > b = c = a"),
        ({"ab": 1, "bc": 0, "cd": 1, "ad": 0}, "voted", "a > b = c > d = a"),
        ({"ab": 0, "bc": 0, "cd": 0, "ad": -1}, "transitive", "a = b = c = d > a"),
        ({"ab": 1, "bc": 1, "cd": 1, "bd": 1, "ad": -1}, "transitive", "a > b > d > a"),
    ],
)  # fmt: skip
def test_a_contradiction_is_shown_by_its_shortest_cycle(labels: dict[str, int], rule: Rule, cycle: str) -> None:
    (found,), _ = find_contradictions(NAMES, [((k[0], k[1]), v) for k, v in labels.items()], rule)
    assert sorted(re.findall(r"\w", found.cycle)[:-1]) == sorted(re.findall(r"\w", cycle)[:-1])
    assert found.cycle in _turns(cycle)


def _turns(cycle: str) -> set[str]:
    """The same cycle from each of its recordings."""
    words = cycle.split()[:-1]
    turns = (words[i:] + words[: i + 1] for i in range(0, len(words), 2))
    return {" ".join(turn) for turn in turns} | {" ".join(reversed(turn)) for turn in turns if ">" not in turn}


@pytest.mark.parametrize(
    "labels", [{"ab": 1, "bc": 0, "ac": 0}, {"ab": 0, "bc": 0, "cd": 0, "ad": 1}, {"ab": 1, "bc": 0, "cd": 0, "ad": 0}]
)
def test_equal_is_not_transitive_to_ears(labels: dict[str, int]) -> None:
    assert find_contradictions(NAMES, [((k[0], k[1]), v) for k, v in labels.items()], "voted")[0] == []


def test_thirds_that_say_equal_outvote_those_that_say_better() -> None:
    labels: Labels = {("a", "c"): 1, ("b", "c"): -1}
    assert closed(labels, "voted")["a", "b"] == 1
    labels |= {("a", "d"): 0, ("b", "d"): 0}
    assert closed(labels, "voted")["a", "b"] == 1
    labels |= {("a", "e"): 0, ("b", "e"): 0}
    assert ("a", "b") not in closed(labels, "voted")


def test_thirds_that_disagree_leave_a_pair_open() -> None:
    labels: Labels = {("a", "c"): 1, ("b", "c"): -1, ("a", "d"): -1, ("b", "d"): 1}
    assert ("a", "b") not in closed(labels, "voted")


def test_what_follows_is_explained_by_a_chain_of_answers() -> None:
    answers = Answers.of(NAMES, {("a", "c"): 1, ("b", "c"): -1, ("b", "d"): 0})
    assert explain(answers, Pair("b", "a", -1), "voted") == "a > c > b"
    assert explain(answers, Pair("a", "d", 1), "transitive") == "a > c > b = d"
    level = Answers.of(NAMES, {("a", "b"): 0, ("b", "c"): 0})
    assert explain(level, Pair("a", "c", 0), "transitive") == "a = b = c"
    assert explain(answers, Pair("a", "g", 1), "voted") == ""


def test_a_chain_that_says_the_opposite_explains_nothing() -> None:
    labels: Labels = {("b", "c"): 1, ("a", "c"): -1, ("a", "d"): 1, ("d", "e"): 1, ("b", "e"): -1}
    assert closed(labels, "voted")["a", "b"] == -1
    assert explain(Answers.of(NAMES, labels), Pair("a", "b", -1), "voted") == "b > c > a"


def test_an_answer_can_be_replaced_and_taken_back() -> None:
    answers = Answers.of(NAMES, {("a", "b"): 1})
    answers.put("b", "a", 1)
    assert answers.label("a", "b") == -1
    answers.put("a", "b", 0)
    assert answers.label("b", "a") == 0
    answers.drop("b", "a")
    assert answers.label("a", "b") is None
    assert not answers.given.any()


def test_positions_follow_the_answers_and_are_surer_with_more_of_them() -> None:
    place, error = positions(Answers.of(NAMES, {("a", "b"): 1, ("b", "c"): 1, ("a", "c"): 1}))
    assert place[0] > place[1] > place[2]
    assert place[3:] == pytest.approx(0.0)
    assert error[0, 1] < error[0, 3] < error[3, 4]


@given(labels=anything, rule=st.sampled_from(RULES))
def test_an_answer_that_follows_never_contradicts(labels: Labels, rule: Rule) -> None:
    _, agreeing = find_contradictions(NAMES, labels.items(), rule)
    consistent = {key: label for key, label in labels.items() if agreeing.label(*key) == label}
    if rule == "transitive":
        for key, label in closed(consistent, rule).items():
            assert contradiction_of(agreeing, *key, label, rule) is None
