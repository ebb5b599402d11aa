"""Recordings of one's own: found by id, heard with every fault told at once, held against labels."""

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest

import piano_tone
from pkai.scorer import Judge
from training.commands.bundle import FORMATS
from training.fine_tuning import recordings, verdicts
from training.labels.pairs import Pair
from training.sound import encoding


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).write_bytes(b"")
    return root


def test_an_id_is_a_file_name_with_or_without_its_suffix(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.mp3", "b.take.flac", "c.WAV", "a.csv", "notes.txt")
    found = recordings.find(folder, ["b.take", "c.WAV", "a", "a"])
    assert found == {"a": folder / "a.mp3", "b.take": folder / "b.take.flac", "c.WAV": folder / "c.WAV"}


def test_an_accent_may_be_written_in_two_ways(tmp_path: Path) -> None:
    composed = "Für Elise が"
    folder = folder_of(tmp_path, normalize("NFD", composed) + ".m4a")
    assert list(recordings.find(folder, [composed])) == [composed]


def test_missing_and_double_recordings_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.mp3", "a.flac", "b.mp3")
    with pytest.raises(ValueError, match=r"no recording of c0, c1, c2, c3, c4 and 2 more; .* as c0\.mp3"):
        recordings.find(folder, ["b", *(f"c{i}" for i in range(7))])
    with pytest.raises(ValueError, match=r"a\.flac and .*a\.mp3 are both called a; one name, one recording"):
        recordings.find(folder, ["a", "b"])


def test_all_recordings_that_cannot_be_judged_are_told_at_once(tmp_path: Path, model_root: Path) -> None:
    for name, duration_s in (("good", 12.0), ("short", 3.0)):
        encoding.write(tmp_path / f"{name}.mp3", piano_tone.notes(duration_s, 22_050), 22_050, FORMATS[".mp3"])
    (tmp_path / "broken.mp3").write_bytes(b"no sound")
    judge = Judge.load(model_root, "pdr")
    files = recordings.find(tmp_path, ["good", "short", "broken"])
    with pytest.raises(ValueError, match=r"(?s)2 of 3 recordings.*broken\.mp3: .*short\.mp3: .*8\.0 s is needed"):
        recordings.hear(judge, files)
    heard = recordings.hear(judge, {"good": files["good"]})["good"]
    assert heard.score == judge.hear(files["good"]).score
    assert heard.features.shape[1] == judge.manifest.features.n_features


def test_verdicts_count_ranked_and_equal_pairs_apart() -> None:
    scores = {"a": 3.0, "b": 2.0, "c": 1.95, "d": 0.0}
    pairs = [
        Pair("a", "b", 1),
        Pair("b", "a", -1),
        Pair("c", "d", -1),
        Pair("b", "c", 0),
        Pair("a", "d", 0),
        Pair("a", "c"),
    ]
    found = verdicts.against(pairs, scores, tie_band=0.1)
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.accuracy.n == 2  # two people labelled a and b
    assert (found.n_equal, found.equal_heard) == (2, 0.5)
    assert str(found).startswith("66.7% ")
    mirrored = [Pair(p.second, p.first, None if p.label is None else -p.label) for p in pairs]
    assert verdicts.against(mirrored, scores, tie_band=0.1).accuracy.value == found.accuracy.value
    assert np.isclose(found.as_plain()["accuracy"]["value"], 0.6667)


def test_equal_pairs_alone_give_no_accuracy() -> None:
    with pytest.raises(ValueError, match="no pair is labelled 1 or -1"):
        verdicts.against([Pair("a", "b", 0)], {"a": 1.0, "b": 2.0}, tie_band=0.1)
