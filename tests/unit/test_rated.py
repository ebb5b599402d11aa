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


def test_only_performances_of_the_pieces_asked_for_are_kept() -> None:
    performances = tuple(
        rated.RatedPerformance(id=piece, piece=piece, player="1", midi=Path(f"{piece}.mid"), ratings={"a": 3.0})
        for piece in ("waltz", "march")
    )
    assert [kept.piece for kept in rated.of_pieces(performances, ["march"])] == ["march"]
    with pytest.raises(ValueError, match="no rated performance of piece 'fugue'; there are: march, waltz"):
        rated.of_pieces(performances, ["fugue"])
