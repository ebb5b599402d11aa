"""The piece is recognised from however it was recorded, and other music is told as unknown."""

import dataclasses
import io
import subprocess
import sys
import time
from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import piano_tone
import recording_files
from conftest import ROOT, need
from pkai import audio, chroma, recognition, references, selection
from pkai.chroma import Chroma, Listener
from pkai.features import FeatureConfig
from pkai.references import Reference
from pkai.scorer import Judge
from pkai.selection import Wish
from training.sound import conditions

RATE = FeatureConfig().sample_rate
RECORDINGS = sorted((ROOT / "events" / "audio").glob("fur-elise-*"))
REFERENCES = ROOT / "model" / "references" / "references.json"
MODULE = "pkai.recognition"
Waveform = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def known() -> tuple[Reference, ...]:
    """The references that ship."""
    found = references.parse(REFERENCES.read_bytes(), where=REFERENCES.name)
    need(all(one.chroma for one in found), "references with chroma (pkai-train references)")
    return found


@pytest.fixture(scope="module")
def learner() -> Waveform:
    """Half a minute of Für Elise with mistakes and pauses."""
    return audio.decode(next(path for path in RECORDINGS if "intermediate-grand" in path.name), sample_rate=RATE)


def heard(waveform: Waveform) -> Chroma:
    listener = Listener(FeatureConfig())
    for _ in listener.passing(iter([waveform])):
        pass
    return listener.loudness()


def test_fur_elise_is_recognised_at_every_level_and_never_taken_for_another_piece(known: tuple[Reference, ...]) -> None:
    """One beginner, with the worse microphone, is told as unknown."""
    found = [recognition.recognise(heard(audio.decode(path, sample_rate=RATE)), known) for path in RECORDINGS]
    assert [one.piece for one in found] == ["fur-elise"] * 8
    assert sum(one.is_sure for one in found) >= 7


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.5), (0.5, 1.0), (0.25, 0.75)], ids=["first", "second", "middle"])
def test_half_of_the_piece_is_enough(
    start: float, stop: float, learner: Waveform, known: tuple[Reference, ...]
) -> None:
    part = learner[round(start * len(learner)) : round(stop * len(learner))]
    assert recognition.recognise(heard(part), known).piece == "fur-elise"
    assert recognition.recognise(heard(part), known).is_sure


@pytest.mark.parametrize("rate", [0.7, 1.4])
def test_any_tempo_is_recognised(rate: float, learner: Waveform, known: tuple[Reference, ...]) -> None:
    other = librosa.effects.time_stretch(learner, rate=rate)
    found = recognition.recognise(heard(other.astype(np.float32)), known)
    assert (found.piece, found.is_sure) == ("fur-elise", True)


def test_a_phone_in_a_noisy_room_is_enough(
    learner: Waveform, known: tuple[Reference, ...], rng: np.random.Generator
) -> None:
    noisy = dataclasses.replace(conditions.PHONE, noise_db=22.0)
    found = recognition.recognise(heard(conditions.record(learner, RATE, noisy, rng)), known)
    assert (found.piece, found.is_sure) == ("fur-elise", True)


def test_a_piece_amid_other_music_is_recognised(learner: Waveform, known: tuple[Reference, ...]) -> None:
    before, after = (piano_tone.notes(60.0, RATE, seed=seed) for seed in (1, 2))
    assert recognition.recognise(heard(np.concatenate((before, learner, after))), known).piece == "fur-elise"


@pytest.mark.parametrize(("name", "sure"), [("real-piano-167s", True), ("real-piano-liszt-30s", False)])
def test_a_real_pianist_is_recognised_with_fur_elise_and_not_with_liszt(
    name: str, sure: bool, shared_data: Path, known: tuple[Reference, ...]
) -> None:
    found = recognition.recognise(
        heard(audio.decode(shared_data / "recordings" / f"{name}.mp3", sample_rate=RATE)), known
    )
    assert found.is_sure == sure
    assert not sure or found.piece == "fur-elise"


def test_chance_notes_noise_and_silence_are_unknown(known: tuple[Reference, ...], rng: np.random.Generator) -> None:
    noise = rng.standard_normal(30 * RATE).astype(np.float32)
    for waveform in (noise, np.zeros(30 * RATE, np.float32), piano_tone.notes(180.0, RATE)):
        assert not recognition.recognise(heard(waveform), known).is_sure


def test_without_chroma_nothing_is_recognised(known: tuple[Reference, ...], learner: Waveform) -> None:
    bare = [dataclasses.replace(one, chroma="") for one in known]
    assert recognition.recognise(heard(learner), bare) == recognition.Recognition(piece=None, confidence=0.0)


def test_half_a_minute_beside_fifteen_references_takes_less_than_a_tenth_of_a_second(
    known: tuple[Reference, ...], rng: np.random.Generator
) -> None:
    steps = rng.random((100, 12), np.float32)
    spent = []
    for _ in range(3):
        began = time.process_time()
        recognition.recognise(steps, known[:15])
        spent.append(time.process_time() - began)
    assert min(spent) < 0.1


def choose(wish: Wish, known: tuple[Reference, ...], steps: Chroma | None) -> selection.Selection:
    (sha256,) = set.intersection(*({*one.scores} for one in known)) or {""}
    return selection.choose(wish, known, model_sha256=sha256, chroma=steps)


def reference(name: str, piece: str, steps: Chroma | None = None) -> Reference:
    packed = "" if steps is None else chroma.pack(steps)
    return Reference(name=name, title=name, piece=piece, level="expert", scores={"hash": 1.0}, chroma=packed)


def test_a_recognised_piece_is_compared_with_its_own_references_and_an_unknown_one_with_all(
    learner: Waveform,
) -> None:
    steps = heard(learner)
    known = (reference("elise", "fur-elise", steps), reference("other", "ode", heard(piano_tone.notes(30.0, RATE))))
    chosen = choose(Wish(), known, steps)
    assert [one.name for one in chosen.references] == ["elise"]
    assert (chosen.piece.name, chosen.piece.how, chosen.notices) == ("fur-elise", "recognised", ())
    assert chosen.piece.confidence > 0.9
    chosen = choose(Wish(), known, heard(piano_tone.notes(30.0, RATE, seed=99)))
    assert [one.name for one in chosen.references] == ["elise", "other"]
    assert (chosen.piece.name, chosen.piece.how) == (None, "unknown")
    assert chosen.piece.confidence < 0.5
    assert [notice.code for notice in chosen.notices] == ["unknown_piece"]
    assert "(fur-elise, ode)" in chosen.notices[0].message


def music(rng: np.random.Generator, n_steps: int = 120) -> Chroma:
    """Steps of which each has a few classes of its own."""
    return (rng.random((n_steps, 12)) ** 6).astype(np.float32)


def test_what_two_pieces_share_or_is_the_same_backwards_tells_neither(rng: np.random.Generator) -> None:
    steps, there_and_back = music(rng), music(rng)
    there_and_back = np.concatenate([there_and_back, there_and_back[::-1]])
    assert recognition.recognise(steps, [reference("a", "one", steps)]).is_sure
    assert not recognition.recognise(steps, [reference("a", "one", steps), reference("b", "two", steps)]).is_sure
    assert not recognition.recognise(there_and_back, [reference("a", "one", there_and_back)]).is_sure


def test_music_twice_and_half_as_fast_is_the_same_music(rng: np.random.Generator) -> None:
    steps = music(rng)
    known = [reference("a", "one", steps), reference("b", "two", music(rng))]
    for played in (steps[::2], np.repeat(steps, 2, axis=0)):
        found = recognition.recognise(played, known)
        assert (found.piece, found.is_sure) == ("one", True)


def test_the_longer_a_recording_the_more_of_it_is_chance(rng: np.random.Generator) -> None:
    steps, other = music(rng, 60), np.zeros((4000, 12), np.float32)
    short, long = (recognition.evidence(each[None], [steps])[0, 0] for each in (steps, np.concatenate([steps, other])))
    assert long == pytest.approx(short * np.log(60 * 60) / np.log(60 * 4060), rel=0.1)


@pytest.mark.parametrize(
    ("wish", "piece", "names"),
    [
        (Wish(piece="ode"), ("ode", 1.0, "named"), ["b", "c"]),
        (Wish(names=("c", "b")), ("ode", 1.0, "named"), ["c", "b"]),
        (Wish(names=("a", "c")), (None, 0.0, "unknown"), ["a", "c"]),
        (Wish(names=()), (None, 0.0, "unknown"), []),
    ],
)
def test_what_is_named_is_not_doubted(wish: Wish, piece: tuple[str | None, float, str], names: list[str]) -> None:
    known = (reference("a", "fur-elise"), reference("b", "ode"), reference("c", "ode"))
    chosen = choose(wish, known, None)
    assert [one.name for one in chosen.references] == names
    assert (chosen.piece.name, chosen.piece.confidence, chosen.piece.how) == piece
    assert chosen.notices == ()


@pytest.mark.parametrize(("asked", "loaded"), [(["--piece", "fur-elise"], False), ([], True)])
def test_recognition_is_not_even_imported_where_the_piece_is_named(
    asked: list[str], loaded: bool, model_root: Path, tmp_path: Path
) -> None:
    path = recording_files.write(tmp_path / "piano.wav")
    arguments = ["score", str(path), "--model-dir", str(model_root), *asked]
    program = f"import sys; from pkai.__main__ import main; main({arguments!r}); print({MODULE!r} in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "lambda", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == str(loaded)


def test_what_was_heard_is_what_the_judge_hears(model_root: Path, learner: Waveform) -> None:
    judge = Judge.load(model_root, "pdr", n_threads=1)
    file = io.BytesIO()
    soundfile.write(file, learner, RATE, format="WAV", subtype="FLOAT")
    with_chroma = judge.hear(file, with_chroma=True)
    assert with_chroma.chroma is not None
    np.testing.assert_allclose(with_chroma.chroma, heard(audio.decode(file, sample_rate=RATE)), atol=1e-4)
    file.seek(0)
    bare = judge.hear(file)
    assert bare.chroma is None
    assert bare.score == with_chroma.score
