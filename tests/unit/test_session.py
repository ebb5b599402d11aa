"""One annotator at work: what is asked, saved, taken back and shared."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import combinations
from pathlib import Path

import pytest

from training.labels.annotation import Answers, close
from training.labels.pairs import Pair, read_pairs, write_pairs
from training.labels.questions import Share, next_pair
from training.labels.session import Progress, Session

NAMES = "abcdef"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """All pairs of six recordings, none labelled."""
    path = tmp_path / "pairs.csv"
    write_pairs(path, [Pair(a, b) for a, b in combinations(NAMES, 2)])
    return path


def judge(pair: Pair) -> int:
    """Earlier letters play better."""
    return 1 if pair.first < pair.second else -1


def test_every_answer_is_in_the_file_before_the_next_question_with_what_follows(table: Path) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "c"), 1)
    taken = session.answer(Pair("b", "c"), -1)
    assert [(pair, why) for pair, why in taken.followed] == [(Pair("a", "b", 1, "inferred"), "a > c > b")]
    saved = {pair.key: pair for pair in read_pairs(table)}
    assert saved["a", "c"] == Pair("a", "c", 1, "ann")
    assert saved["b", "c"] == Pair("b", "c", -1, "ann")
    assert saved["a", "b"] == Pair("a", "b", 1, "inferred")
    assert session.progress == Progress(answered=2, inferred=1, unknown=12)


def test_an_answer_about_a_turned_pair_is_turned_back_into_the_tables_order(table: Path) -> None:
    Session(table, annotator="ann").answer(Pair("b", "a"), 1)
    assert read_pairs(table)[0] == Pair("a", "b", -1, "ann")


def test_a_session_goes_on_where_the_last_one_ended_and_asks_nothing_twice(table: Path) -> None:
    asked = []
    while (pair := Session(table, annotator="ann", rule="transitive").next()) is not None:
        asked.append(pair.key)
        Session(table, annotator="ann", rule="transitive").answer(pair, judge(pair))
    assert len(asked) == len(set(asked)) < 15
    assert all(pair.label == 1 for pair in read_pairs(table))


def test_undo_takes_back_the_answer_and_what_followed_from_it(table: Path) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "c"), 1)
    before = table.read_bytes()
    session.answer(Pair("b", "c"), -1)
    assert session.undo() == Pair("b", "c", -1, "ann")
    assert table.read_bytes() == before
    assert session.undo() == Pair("a", "c", 1, "ann")
    assert session.undo() is None
    assert session.progress == Progress(0, 0, 15)


def test_two_sessions_on_one_table_keep_each_others_answers_and_new_pairs(table: Path) -> None:
    ann, bob = Session(table, annotator="ann"), Session(table, annotator="bob")
    ann.answer(Pair("a", "c"), 1)
    write_pairs(table, [*read_pairs(table), Pair("a", "z")])
    bob.answer(Pair("b", "c"), -1)
    assert bob.progress == Progress(answered=2, inferred=1, unknown=13)
    ann.answer(Pair("a", "z"), 1)
    assert bob.undo() == Pair("b", "c", -1, "bob")
    kept = {pair.key: pair for pair in read_pairs(table) if pair.label is not None}
    assert kept == {("a", "c"): Pair("a", "c", 1, "ann"), ("a", "z"): Pair("a", "z", 1, "ann")}


def test_answers_of_two_in_the_same_instant_are_both_kept(table: Path) -> None:
    pairs = read_pairs(table)
    with ThreadPoolExecutor() as pool:
        ann, bob = Session(table, annotator="ann"), Session(table, annotator="bob")
        for at_once in zip(pairs[::2], pairs[1::2], strict=False):
            both = [pool.submit(session.answer, pair, 1) for session, pair in zip((ann, bob), at_once, strict=True)]
            wait(both)
            assert [done.exception() for done in both] == [None, None]
    kept = [pair.source for pair in read_pairs(table)]
    assert (kept.count("ann"), kept.count("bob")) == (7, 7)


def test_of_two_who_were_asked_the_same_the_first_answer_stays(table: Path) -> None:
    ann, bob = (Session(table, annotator=name) for name in ("ann", "bob"))
    asked, again = ann.next(), bob.next()
    assert asked is not None and asked == again
    ann.answer(asked, 1)
    with pytest.raises(ValueError, match="were answered meanwhile by ann; that stays"):
        bob.answer(asked, -1)
    assert {pair.key: pair for pair in read_pairs(table)}[asked.key].source == "ann"
    other = bob.next()
    assert other is not None and other.key != asked.key


def test_two_who_answer_the_same_pairs_are_told_nothing_of_each_other(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "bob.csv"
    write_pairs(other, [Pair(a, b, 1, "bob") for a, b in combinations(NAMES, 2)])
    for common in (1.0, 0.0):
        session = Session(table, annotator="ann", share=Share(1, 1, common=common), others=[other])
        told = session.answer(Pair("a", "b"), -1).contradiction
        assert (told is None) == bool(common)
        assert len(session.contradictions) == 1
        session.undo()


def test_a_table_that_a_link_leads_to_is_written(table: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    link = tmp_path / "mine" / "pairs.csv"
    link.symlink_to(Path("..") / table.name)
    Session(link, annotator="ann").answer(Pair("a", "b"), 1)
    assert link.is_symlink()
    assert read_pairs(table)[0] == Pair("a", "b", 1, "ann")


def test_a_tables_own_columns_are_kept(table: Path) -> None:
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},comment", f"{lines[1]},loud room", *lines[2:]]) + "\n")
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "b"), 1)
    session.answer(Pair("b", "c"), 1)
    session.undo()
    assert table.read_text().splitlines()[:3] == ["id1,id2,label,source,comment", "a,b,1,ann,loud room", "a,c,,,"]


def test_undo_of_a_second_answer_brings_the_first_one_back(table: Path) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "b"), 1)
    session.answer(Pair("a", "b"), 0)
    assert session.undo() == Pair("a", "b", 0, "ann")
    assert read_pairs(table)[0] == Pair("a", "b", 1, "ann")


def test_what_others_say_of_a_pair_after_this_session_is_kept(table: Path) -> None:
    ann, bob = Session(table, annotator="ann"), Session(table, annotator="bob")
    ann.answer(Pair("a", "b"), 1)
    ann.undo()
    bob.answer(Pair("a", "b"), -1)
    ann.answer(Pair("c", "d"), 1)
    assert read_pairs(table)[0] == Pair("a", "b", -1, "bob")
    relabel(table, Pair("c", "d", 0, "ann"))
    ann.answer(Pair("e", "f"), 1)
    assert {pair.key: pair for pair in read_pairs(table)}["c", "d"] == Pair("c", "d", 0, "ann")


@pytest.mark.parametrize("now", [Pair("c", "d", 0, "ann"), Pair("c", "d", 1, "bob"), Pair("c", "d")])
def test_an_answer_that_was_changed_meanwhile_is_not_taken_back(table: Path, now: Pair) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "b"), 1)
    session.answer(Pair("c", "d"), 1)
    relabel(table, now)
    with pytest.raises(ValueError, match="the label of c and d was changed meanwhile; it stays"):
        session.undo()
    assert {pair.key: pair for pair in read_pairs(table)}["c", "d"] == now
    assert session.undo() == Pair("a", "b", 1, "ann")


def relabel(table: Path, changed: Pair) -> None:
    """Correct a label by hand."""
    write_pairs(table, [changed if pair.key == changed.key else pair for pair in read_pairs(table)])


def test_an_answer_that_cannot_be_saved_was_not_given(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "c"), 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="no space left"):
            session.answer(Pair("b", "c"), -1)
        assert session.progress == Progress(answered=1, inferred=0, unknown=14)
        with pytest.raises(OSError, match="no space left"):
            session.undo()
        assert session.progress == Progress(answered=1, inferred=0, unknown=14)
    assert session.answer(Pair("b", "c"), -1).followed == [(Pair("a", "b", 1, "inferred"), "a > c > b")]
    assert session.undo() == Pair("b", "c", -1, "ann")
    assert session.undo() == Pair("a", "c", 1, "ann")
    assert session.undo() is None


def full_disk(_: int) -> None:
    """What `os.fsync` says there."""
    raise OSError("no space left on device")


def test_a_table_that_cannot_be_read_for_a_while_is_not_written_over(table: Path) -> None:
    session = Session(table, annotator="ann")
    table.write_text("id1,id2,label\na,b,better\n")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"pairs\.csv line 2: label 'better'"):
            session.answer(Pair("a", "b"), 1)
    assert "better" in table.read_text()


def test_common_pairs_are_asked_whatever_others_answered_and_whatever_follows(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "bob.csv"
    write_pairs(other, [Pair(a, b, 1, "bob") for a, b in combinations(NAMES, 2)])
    session = Session(table, annotator="ann", share=Share(1, 2, common=0.5), others=[other])
    common = {pair.key for pair in read_pairs(table) if session.share.is_common(pair.key)}
    asked = set()
    while (pair := session.next()) is not None:
        asked.add(pair.key)
        session.answer(pair, judge(pair))
    assert asked == common and 0 < len(common) < 15


def test_a_skipped_pair_is_not_asked_again_and_stays_unlabelled(table: Path) -> None:
    session = Session(table, annotator="ann")
    first = session.next()
    assert first is not None
    session.skip(first)
    while (pair := session.next()) is not None:
        assert pair.key != first.key
        session.answer(pair, 0)
    assert {pair.key for pair in read_pairs(table) if pair.label is None} == {first.key}


def test_a_contradiction_is_told_kept_and_gone_when_taken_back(table: Path) -> None:
    session = Session(table, annotator="ann")
    session.answer(Pair("a", "b"), 1)
    session.answer(Pair("b", "c"), 1)
    taken = session.answer(Pair("a", "c"), -1)
    assert taken.contradiction is not None
    assert sorted(taken.contradiction.cycle.split(" > ")[:-1]) == ["a", "b", "c"]
    assert {p.key: p.label for p in read_pairs(table)}["a", "c"] == -1
    assert len(Session(table, annotator="ann").contradictions) == 1
    session.undo()
    assert session.contradictions == []


def test_others_answers_count_are_not_asked_and_not_taken_as_ones_own(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "bob.csv"
    write_pairs(other, [Pair("c", "a", -1, "bob"), Pair("x", "y", 1, "bob"), Pair("a", "d")])
    session = Session(table, annotator="ann", others=[other])
    session.answer(Pair("b", "c"), -1)
    assert {p.key: p.source for p in read_pairs(table)}["a", "c"] == "inferred"
    assert {p.key: p.label for p in read_pairs(table)}["a", "b"] == 1
    write_pairs(other, [Pair(a, b, 1, "bob") for a, b in combinations(NAMES, 2) if (a, b) != ("e", "f")])
    asked = session.next()
    assert asked is not None and asked.key == ("e", "f")


def test_labels_of_an_original_table_are_answers(table: Path) -> None:
    write_pairs(table, [Pair("a", "b", 1), Pair("b", "c", 1), Pair("a", "c")])
    session = Session(table, annotator="ann")
    assert session.next() is None
    assert session.progress == Progress(answered=2, inferred=1, unknown=0)


def test_a_pair_that_is_not_in_the_table_and_a_nameless_annotator_are_refused(table: Path) -> None:
    with pytest.raises(ValueError, match=r"x and y are no pair of pairs\.csv"):
        Session(table, annotator="ann").answer(Pair("x", "y"), 1)
    for name in ("", " ", "inferred", "inferred "):
        with pytest.raises(ValueError, match="cannot be called"):
            Session(table, annotator=name)


def test_annotators_share_all_pairs_without_overlap_but_for_the_common_ones() -> None:
    pairs = [Pair(f"r{i}", f"r{j}") for i, j in combinations(range(40), 2)]
    shares = [Share(part, 3) for part in (1, 2, 3)]
    holders = [sum(share.holds(pair.key) for share in shares) for pair in pairs]
    assert set(holders) == {1}
    sizes = [sum(share.holds(pair.key) for pair in pairs) for share in shares]
    assert min(sizes) > 0.8 * len(pairs) / 3
    common = Counter(sum(Share(part, 3, 0.2).holds(pair.key) for part in (1, 2, 3)) for pair in pairs)
    assert set(common) == {1, 3}
    assert common[3] == pytest.approx(0.2 * len(pairs), rel=0.25)
    assert Share(1, 2).holds(("a", "b")) == Share(1, 2).holds(("b", "a"))


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "-1/2", "1/0"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is none|cannot be read"):
        Share.parse(text)
    assert Share.parse("2/3", 0.5) == Share(2, 3, 0.5)


def test_a_fraction_in_common_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no fraction"):
        Share(1, 1, 1.5)


def test_neighbours_are_asked_before_recordings_far_apart() -> None:
    names = list("abcd")
    answers = Answers.of(names, {("a", "b"): 1, ("b", "c"): 1, ("c", "d"): 1})
    asked = next_pair(answers, close(Answers(names), "voted"), [Pair("a", "d"), Pair("b", "d"), Pair("a", "c")])
    assert asked in (Pair("b", "d"), Pair("a", "c"))
    assert next_pair(answers, close(answers, "transitive"), [Pair("a", "d")]) is None
