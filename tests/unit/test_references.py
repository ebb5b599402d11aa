"""References are read strictly, and chosen by name, by piece, or all."""

import json
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


def read(value: object) -> tuple[Reference, ...]:
    """References from a JSON value."""
    return references.parse(json.dumps(value).encode(), where="references.json")


def test_references_are_read_in_order() -> None:
    assert names(read([entry(), entry(name="b")])) == ["a", "b"]


def test_what_is_written_is_read_again() -> None:
    assert references.parse(references.document(KNOWN), where="here") == KNOWN


@pytest.mark.parametrize(
    "value",
    [None, 3, [3], [{"name": "a"}], [entry(shoe_size=43)], {"a": 1}, {}, [entry(piece=None)], [entry(scores=[1.0])],
     [entry(scores={"hash": "hi"})], [entry(scores={"hash": float("nan")})]],
)  # fmt: skip
def test_what_is_no_list_of_references_is_refused(value: object) -> None:
    with pytest.raises(ModelContractError, match=r"references\.json is no list of references"):
        read(value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ModelContractError, match=r"references\.json is no list of references"):
        references.parse(text, where="references.json")


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(ModelContractError, match=r"references\.json names a reference twice"):
        read([entry(), entry()])


def test_without_a_wish_all_that_the_model_scored_are_chosen() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece=None, names=None)) == ["a", "b", "c"]


def test_a_piece_chooses_its_own() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece="gymnopedie", names=None)) == ["c"]


def test_names_choose_in_the_order_given() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece=None, names=("c", "a"))) == ["c", "a"]


def test_no_names_choose_none() -> None:
    assert references.select(KNOWN, model_sha256="hash", piece=None, names=()) == ()


def test_a_name_given_twice_counts_once() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece=None, names=("c", "a", "c"))) == ["c", "a"]


def test_names_of_other_pieces_alone_are_refused() -> None:
    with pytest.raises(RequestError, match="none of the references named is of piece 'gymnopedie'"):
        references.select(KNOWN, model_sha256="hash", piece="gymnopedie", names=("a", "b"))


def test_names_and_a_piece_choose_what_is_both() -> None:
    assert names(references.select(KNOWN, model_sha256="hash", piece="fur-elise", names=("c", "a"))) == ["a"]


def test_a_reference_that_the_model_has_not_scored_is_told_apart_from_an_unknown_one() -> None:
    with pytest.raises(RequestError, match=r"reference 'old' has no score by this model; .* --replace"):
        references.select(KNOWN, model_sha256="hash", piece=None, names=("old",))
    assert names(references.unscored(KNOWN, model_sha256="hash")) == ["old"]


@pytest.mark.parametrize("name", ["z", ""])
def test_an_unknown_name_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(RequestError, match=f"unknown reference {name!r}; there are: a, b, c"):
        references.select(KNOWN, model_sha256="hash", piece=None, names=("a", name))


def test_an_unknown_piece_is_answered_with_those_there_are() -> None:
    with pytest.raises(RequestError, match=r"no reference .* of piece 'sonata'; there are: fur-elise, gymnopedie"):
        references.select(KNOWN, model_sha256="hash", piece="sonata", names=None)


def described(**changes: str) -> Reference:
    """A reference as the command line describes it."""
    said = {"piece": "fur-elise", "level": "expert", "title": "Für Elise, my teacher", **changes}
    return references.described(piece=said["piece"], level=said["level"], title=said["title"], name=said.get("name"))


def test_a_reference_is_named_after_piece_and_level_unless_it_is_named() -> None:
    assert (described().name, described(name="teacher").name) == ("fur-elise-expert", "teacher")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "n" * 101}, "it must be of a-z, 0-9, - and _, 100 at most"),
        ({"title": "F\udcfcr Elise"}, r"the title is .+; it must be UTF-8"),
        ({"piece": "Für Elise"}, "the piece is 'Für Elise'; it must be of a-z, 0-9, - and _"),
        ({"name": "../x"}, r"the name is '\.\./x'; it must be of a-z"),
        ({"level": "good"}, "the level is 'good'; it must be one of beginner, early-intermediate"),
        ({"title": " "}, "the title is empty; give one for people"),
    ],
)
def test_a_reference_that_cannot_be_right_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        described(**changes)


def test_a_taken_name_is_refused_or_replaced_and_the_same_reference_again_changes_nothing() -> None:
    other = reference("b", piece="gymnopedie")
    with pytest.raises(RequestError, match="there is a reference 'b' already; choose another with --name"):
        references.joined(KNOWN, other, replace=False)
    assert references.joined(KNOWN, other, replace=True) == (KNOWN[0], other, *KNOWN[2:])
    assert references.joined(KNOWN, KNOWN[1], replace=False) == KNOWN
    assert references.joined(KNOWN, reference("d"), replace=False)[-1].name == "d"
