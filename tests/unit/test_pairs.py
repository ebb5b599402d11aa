"""Tables of pairs: read strictly, made without loss, written whole."""

import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.__main__ import main
from training.durable import replace_text
from training.labels.pairs import (
    Pair,
    answers_of,
    make_pairs,
    read_column,
    read_ids,
    read_pairs,
    read_ratings,
    write_pairs,
)

names = st.lists(
    st.text("abcé, \"'-", min_size=1, max_size=4).filter(lambda s: s == s.strip()), unique=True, max_size=7
)
labels = st.sampled_from([1, 0, -1, None])


@st.composite
def tables(draw: st.DrawFn) -> list[Pair]:
    """Some pairs of some names, turned as chance will, some of them labelled."""
    chosen = [pair for pair in combinations(draw(names), 2) if draw(st.booleans())]
    turned = [pair[::-1] if draw(st.booleans()) else pair for pair in chosen]
    order = draw(st.permutations(turned))
    return [Pair(a, b, label, "me" if label is not None else "") for a, b in order for label in [draw(labels)]]


@given(pairs=tables())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, pairs: list[Pair]) -> None:
    path = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    write_pairs(path, pairs)
    assert read_pairs(path) == pairs


@given(pairs=tables(), more=names)
def test_making_pairs_keeps_every_label_adds_each_pair_once_and_is_done_after_one_time(
    pairs: list[Pair], more: list[str]
) -> None:
    made = make_pairs(more, pairs)
    assert made[: len(pairs)] == pairs
    assert len({pair.key for pair in made}) == len(made)
    assert {pair.key for pair in made} == {p.key for p in pairs} | {Pair(a, b).key for a, b in combinations(more, 2)}
    assert all(pair.label is None for pair in made[len(pairs) :])
    assert make_pairs(more, made) == made


def test_only_recordings_of_one_group_are_paired_where_groups_are_given() -> None:
    made = make_pairs(["a", "b", "c", "d"], within={"a": "x", "b": "y", "c": "x", "d": "y"})
    assert [(pair.first, pair.second) for pair in made] == [("a", "c"), ("b", "d")]


def test_a_name_listed_twice_or_without_group_is_refused() -> None:
    with pytest.raises(ValueError, match="b stands more than once"):
        make_pairs(["a", "b", "b"])
    with pytest.raises(ValueError, match="b has no group"):
        make_pairs(["a", "b"], within={"a": "x"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id1,id2\na,b\n", "line 1: needs the columns id1,id2,label; label is missing"),
        ("", "line 1: needs the columns"),
        ("id1,id2,label\na,b,1\nc,d,2\n", "line 3: label '2' is none of 1, 0, -1 and empty"),
        ("id1,id2,label\na,b,1\nb,a,-1\n", "line 3: b and a are a pair already on line 2"),
        ("id1,id2,label\na,a,0\n", "line 2: a is paired with itself"),
        ("id1,id2,label\na,,0\n", "line 2: a pair needs two names"),
        ("id1,id2,label\na\n", "line 2: a pair needs two names"),
        (
            "id1,id2,label\na,b,,really, sure\n",
            "line 2: has more cells than there are columns; put a cell with a comma",
        ),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_the_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"pairs.csv {why}"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'id1,id2,label\na,"b,1\nc,d,1\n', "up to line 3: unexpected end of data; a cell that begins with a quote"),
        (b'id1,id2,label\na,"b"c,1\n', "up to line 2: .* a cell that begins with a quote ends with one"),
        (b"id1;id2;label\na;b;1\n", "is parted by semicolons; save it with commas"),
        ("id1,id2,label\na,É,1\n".encode("latin-1"), "is not UTF-8; save it as CSV in UTF-8"),
    ],
)
@pytest.mark.parametrize("read", [read_pairs, read_ids, lambda path: read_column(path, "label")])
def test_a_table_that_is_broken_or_of_another_kind_is_told_by_its_name(
    tmp_path: Path, content: bytes, why: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"table\.csv,? {why}"):
        read(path)


def test_unlabelled_is_empty_or_the_originals_x(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("\ufeffid1,id2,label\r\na,b,\r\na,c,X\r\nb,c,-1\r\n", encoding="utf-8")
    assert [pair.label for pair in read_pairs(path)] == [None, None, -1]


def test_an_inferred_label_is_no_answer() -> None:
    assert answers_of([Pair("b", "a", 1, "me"), Pair("a", "c", 1, "inferred"), Pair("b", "c")]) == {("a", "b"): -1}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("filename,ID\nx,1\ny,2\n", ["x", "y"]),
        ("id,piece\nx,1\ny,2\n", ["x", "y"]),
        ("x\ny\n", ["x", "y"]),
        ("", []),
    ],
)
def test_a_list_names_recordings_by_header_or_line(tmp_path: Path, text: str, names: list[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    assert read_ids(path) == names


def test_a_list_with_other_columns_is_no_list_of_its_first(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("recording,player\nx,ann\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.csv has no column filename or id, only recording, player"):
        read_ids(path)


def test_a_recording_with_two_ratings_or_two_groups_loses_neither(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("id,ann\na,3\na,1\nb,2\n", encoding="utf-8")
    for read in (lambda: read_ratings(path, ["ann"]), lambda: read_column(path, "ann")):
        with pytest.raises(ValueError, match=r"ratings\.csv line 3: a is on line 2 already; keep one"):
            read()


def test_a_list_of_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "list.csv").touch()
    out = tmp_path / "pairs.csv"
    assert main(["pairs", "make", "--list", str(tmp_path / "list.csv"), "--out", str(out)]) == 1
    assert "names no recording; write one a line" in caplog.text
    assert not out.exists()


def test_a_line_without_a_name_and_a_column_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("id,piece\nx,1\n,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list.csv line 3: a name is needed"):
        read_ids(path)
    path.write_text("id,piece\nx,1\n", encoding="utf-8")
    assert read_column(path, "piece") == {"x": "1"}
    with pytest.raises(ValueError, match="has no column player; it has id, piece"):
        read_column(path, "player")
    path.write_text("name,piece\nx,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.csv has no column filename or id; it has name, piece"):
        read_column(path, "piece")


@pytest.mark.parametrize("last", ["z,", "z", "z, "])
def test_a_group_that_is_empty_is_refused_with_its_line(tmp_path: Path, last: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"id,piece\nx,1\n\n{last}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"list\.csv line 4: z has no piece"):
        read_column(path, "piece")


def test_ratings_may_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("id,ann,bob\nx,1,\ny, ,2.5\nz,80\n", encoding="utf-8")
    assert read_ratings(path, ["ann", "bob"]) == {"x": [1.0], "y": [2.5], "z": [80.0]}


def test_a_decimal_comma_is_not_read_as_another_cell(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("id,ann\na,4,\nb,4,5\n")  # the empty cell after the last is as spreadsheets leave it
    with pytest.raises(ValueError, match=r"ratings\.csv line 3: has more cells than there are columns"):
        read_ratings(path, ["ann"])


@pytest.mark.parametrize(
    ("cell", "why"), [("nan", "rating nan is not finite"), ("-inf", "rating -inf is not finite"), ("good", "'good'")]
)
def test_a_rating_that_is_no_number_is_refused_with_its_line(tmp_path: Path, cell: str, why: str) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(f"id,ann\nx,1\ny,{cell}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"ratings\.csv line 3: .*{why}"):
        read_ratings(path, ["ann"])


@pytest.mark.parametrize(
    ("row", "why"), [("y", "y has no rating"), ("y,nan", "line 3: rating nan is not finite"), ("y,4", None)]
)
def test_pairs_come_from_ratings_only_where_all_are_rated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, row: str, why: str | None
) -> None:
    table, out = tmp_path / "ratings.csv", tmp_path / "pairs.csv"
    table.write_text(f"id,ann\nx,1\n{row}\n", encoding="utf-8")
    status = main(["pairs", "from-ratings", "--ratings", str(table), "--columns", "ann", "--out", str(out)])
    assert status == (why is not None)
    assert (why or "") in caplog.text
    assert out.exists() == (why is None)


def test_a_table_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pairs.csv"
    replace_text(path, "old")

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        replace_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["elise_pairs.csv", "psa_pairs.csv"])
def test_the_originals_files_go_through_unchanged(shared_data: Path, tmp_path: Path, name: str) -> None:
    original = shared_data / "p-kai" / name
    pairs = read_pairs(original)
    assert len(pairs) == {"elise_pairs.csv": 435, "psa_pairs.csv": 1830}[name]
    assert all(pair.label is not None for pair in pairs)
    ids = [name for name in read_ids(shared_data / "p-kai" / "youtube.csv") if name[:3] == pairs[0].first[:3]]
    made = make_pairs(ids, pairs)
    assert made == pairs
    write_pairs(tmp_path / name, made)
    assert (tmp_path / name).read_bytes() == original.read_bytes()
