"""Rated performances are read as their recipe lays them out."""

from pathlib import Path

import pytest

from training.people import rated

TABLE = """id,piece,midi,player,player_level,instructor1,instructor2,peer1
a-1,a,midi/a-1.mid,7,Advanced,4,5,
a-2,a,midi/a-2.mid,8,Beginner,1,2.5,1
"""


def test_ratings_are_read_with_their_raters_and_blanks_are_none(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(TABLE, encoding="utf-8")
    first, second = rated.read(tmp_path)
    assert (first.id, first.piece, first.player, first.midi) == ("a-1", "a", "7", tmp_path / "midi/a-1.mid")
    assert first.ratings == {"instructor1": 4.0, "instructor2": 5.0}
    assert first.mean_rating == 4.5
    assert second.mean_rating == 1.5


def test_a_folder_without_ratings_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no ratings\.csv; fetch the rated performances first"):
        rated.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id,piece,player,ann\n", "line 1: needs the columns id,piece,midi,player; midi is missing"),
        ("", "line 1: needs the columns"),
        (TABLE + "a-3,a,midi/a-3.mid,9,Beginner,,,\n", "line 4: nobody rated a-3"),
        (TABLE + "a-3,a,midi/a-3.mid,9,Beginner\n", "line 4: nobody rated a-3"),
        (TABLE + "a-3,a\n", "line 4: midi, player is empty"),
        (TABLE + "a-3,a,midi/a-3.mid,9,Beginner,1,2,3,4\n", "line 4: has more cells than there are columns"),
        (TABLE + "a-3,a,midi/a-3.mid,9,Beginner,1,good,3\n", "line 4: .*'good'"),
        (TABLE + "a-3,a,midi/a-3.mid,9,Beginner,3,80,nan\n", "line 4: .*1..5; here is 80 by instructor2, nan by peer1"),
    ],
)
def test_ratings_that_are_wrong_are_refused_with_their_line(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "ratings.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"ratings\.csv {why}"):
        rated.read(tmp_path)


def test_only_performances_of_the_pieces_asked_for_are_kept() -> None:
    performances = tuple(
        rated.RatedPerformance(id=piece, piece=piece, player="1", midi=Path(f"{piece}.mid"), ratings={"a": 3.0})
        for piece in ("waltz", "march")
    )
    assert [kept.piece for kept in rated.of_pieces(performances, ["march"])] == ["march"]
    with pytest.raises(ValueError, match="no rated performance of piece 'fugue'; there are: march, waltz"):
        rated.of_pieces(performances, ["fugue"])
