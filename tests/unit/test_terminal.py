"""The terminal session: keys in, words and sounds out."""

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from training.labels.audition import find_player, find_recordings, play
from training.labels.pairs import Pair, read_pairs, write_pairs
from training.labels.session import Session
from training.labels.terminal import HELP, Terminal, annotate


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """All pairs of three recordings."""
    path = tmp_path / "pairs.csv"
    write_pairs(path, [Pair(a, b) for a, b in combinations("abc", 2)])
    return path


def typed(*keys: str) -> tuple[Terminal, list[str], list[str]]:
    """A terminal at which somebody types, what it shows, and what it plays."""
    told: list[str] = []
    heard: list[str] = []
    left: Iterator[str] = iter(keys)

    def ask(_: str) -> str:
        key = next(left, None)
        if key is None:
            raise EOFError
        return key

    recordings = {name: Path(f"{name}.wav") for name in "ab"}
    return Terminal(ask, told.append, recordings, lambda path: heard.append(path.name)), told, heard


def test_a_session_asks_plays_saves_and_shows_what_follows(table: Path) -> None:
    terminal, told, heard = typed("1", " -1 ", "0")
    annotate(Session(table, annotator="me"), terminal)
    assert [pair.source for pair in read_pairs(table)].count("me") == 2
    assert [pair.source for pair in read_pairs(table)].count("inferred") == 1
    assert sum(line.startswith("saved ") for line in told) == 2
    assert any(line.startswith("  so ") for line in told)
    assert told[-1] == f"2 answered, 1 follow, 0 to go; in {table}"
    assert heard[:2] == ["a.wav", "b.wav"]
    assert "no recording of c is here" in told


def test_keys_hear_again_skip_undo_and_quit(table: Path) -> None:
    terminal, told, heard = typed("b", "A", "?", "1", "u", "u", "s", "-1", "q")
    annotate(Session(table, annotator="me"), terminal)
    assert heard[:4] == ["a.wav", "b.wav", "b.wav", "a.wav"]
    assert told.count(HELP) == 2
    assert "undone a b 1" in told
    assert "nothing to undo" in told
    assert [pair.label for pair in read_pairs(table)].count(None) == 2


def test_the_end_of_the_input_ends_the_session(table: Path) -> None:
    terminal, told, _ = typed("0")
    annotate(Session(table, annotator="me"), terminal)
    assert told[-1].startswith("1 answered")


def test_what_cannot_be_saved_is_told_and_can_be_answered_again(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        monkeypatch.undo()
        raise OSError("no space left on device")

    terminal, told, _ = typed("1", "1", "u", "q")
    monkeypatch.setattr(os, "fsync", full)
    annotate(Session(table, annotator="me"), terminal)
    assert "not saved: no space left on device" in told
    assert [line for line in told if line.startswith(("saved", "undone"))] == ["saved a b 1", "undone a b 1"]


def test_an_answer_that_was_changed_meanwhile_stays_and_the_session_goes_on(table: Path) -> None:
    terminal, told, _ = typed("1", "u", "q")

    def ask(prompt: str) -> str:
        key = terminal.ask(prompt)
        if key == "u":
            write_pairs(table, [Pair("a", "b", -1), Pair("b", "c")])
        return key

    annotate(Session(table, annotator="me"), Terminal(ask, terminal.tell, {}))
    assert "not saved: the label of a and b was changed meanwhile; it stays" in told
    assert told[-1].startswith("1 answered")


def test_a_contradiction_is_shown(table: Path) -> None:
    write_pairs(table, [Pair("a", "b", 1), Pair("b", "c", 1), Pair("a", "c", -1), Pair("a", "d")])
    session = Session(table, annotator="me")
    assert len(session.contradictions) == 1
    write_pairs(table, [Pair("a", "b", 1), Pair("b", "c", 0), Pair("a", "c"), Pair("c", "d", 1), Pair("a", "d", 0)])
    terminal, told, _ = typed("-1")
    annotate(Session(table, annotator="me"), terminal)
    assert any("at odds with earlier answers (u takes it back): " in line for line in told)


def test_a_player_that_fails_is_told_and_does_not_end_the_session(
    table: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: Path) -> None:
        raise ValueError(f"ffplay cannot play {path.name}")

    terminal, _, _ = typed("q")
    annotate(Session(table, annotator="me"), Terminal(terminal.ask, terminal.tell, terminal.recordings, fail))
    assert "ffplay cannot play a.wav" in caplog.text


def test_recordings_are_found_by_name_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for name in ("a.wav", "x/b.MP3", "b.txt", "c.flac"):
        (tmp_path / name).touch()
    assert find_recordings(tmp_path, ["a", "b", "z"]) == {"a": tmp_path / "a.wav", "b": tmp_path / "x" / "b.MP3"}
    (tmp_path / "x" / "a.flac").touch()
    with pytest.raises(ValueError, match="are both called a; one name, one recording"):
        find_recordings(tmp_path, ["a"])
    with pytest.raises(ValueError, match="is no folder of recordings"):
        find_recordings(tmp_path / "none", ["a"])


def test_the_first_player_on_the_path_plays_and_its_failure_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_player() is None
    for name, code in (("aplay", 1), ("mpv", 0)):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/{name}.played"\nexit {code}\n')
        script.chmod(0o755)
    player = find_player()
    assert player is not None and player[0] == "mpv"
    play(player, tmp_path / "a.wav")
    assert (tmp_path / "mpv.played").read_text().split() == [
        "--no-video",
        "--really-quiet",
        str(tmp_path / "a.wav"),
    ]
    with pytest.raises(ValueError, match=r"aplay cannot play a.wav \(exit code 1\)"):
        play(["aplay"], Path("a.wav"))
