"""References are read strictly, and chosen by name, by piece, or all."""

import json
from pathlib import Path
from typing import Any

import pytest

from pkai import references
from pkai.errors import ModelContractError, RequestError
from pkai.references import Reference

ENTRY = {"name": "a", "title": "A", "piece": "fur-elise", "level": "expert", "scores": {"hash": 1.0}}


def entry(**changes: Any) -> dict[str, Any]:
    """One reference as the file has it."""
    return ENTRY | changes


def reference(name: str, piece: str = "fur-elise", sha256: str = "hash") -> Reference:
    """One reference with one score."""
    return Reference(name=name, title=name.upper(), piece=piece, level="expert", scores={sha256: 1.0})


KNOWN = (reference("a"), reference("b"), reference("c", piece="gymnopedie"), reference("old", sha256="another"))


def names(chosen: tuple[Reference, ...]) -> list[str]:
    """Names of references, in order."""
    return [one.name for one in chosen]


def test_a_references_file_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "references.json"
    path.write_text(json.dumps([entry(), entry(name="b")]))
    assert names(references.load(path)) == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "3", "[3]", json.dumps([{"name": "a"}]), json.dumps([entry(shoe_size=43)]), json.dumps({"a": 1})],
)
def test_a_file_that_is_no_list_of_references_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "references.json"
    path.write_text(text)
    with pytest.raises(ModelContractError, match=r"references\.json is no list of references"):
        references.load(path)


def test_a_missing_references_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelContractError, match=r"references\.json is no list of references"):
        references.load(tmp_path / "references.json")


def test_a_name_used_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "references.json"
    path.write_text(json.dumps([entry(), entry()]))
    with pytest.raises(ModelContractError, match=r"references\.json names a reference twice"):
        references.load(path)


def test_without_a_wish_all_that_the_model_scored_are_chosen() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece=None, names=None)) == ["a", "b", "c"]


def test_a_piece_chooses_its_own() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece="gymnopedie", names=None)) == ["c"]


def test_names_choose_in_the_order_given() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece=None, names=("c", "a"))) == ["c", "a"]


def test_no_names_choose_none() -> None:
    assert references.select(KNOWN, model_sha256="hash", piece=None, names=()) == ()


def test_names_and_a_piece_choose_what_is_both() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece="fur-elise", names=("c", "a"))) == ["a"]


@pytest.mark.parametrize("name", ["z", "old", ""])
def test_an_unknown_name_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(RequestError, match=f"unknown reference {name!r}; there are: a, b, c"):
        references.select(KNOWN, model_sha256="hash", piece=None, names=("a", name))


def test_an_unknown_piece_is_answered_with_those_there_are() -> None:
    with pytest.raises(RequestError, match=r"no reference .* of piece 'sonata'; there are: fur-elise, gymnopedie"):
        references.select(KNOWN, model_sha256="hash", piece="sonata", names=None)
