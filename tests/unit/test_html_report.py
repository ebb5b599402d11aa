"""The report as one web page: all that was said is in it, nothing is asked of elsewhere, and no name can run in it."""

import base64
import hashlib
import re

import pytest

pytest.importorskip("matplotlib")

from pathlib import Path

import made_assessment
import recording_files
from pkai import html_report
from pkai.__main__ import main
from pkai.html_report import EmbeddedAudio
from pkai.report import Named

AUDIO = EmbeddedAudio(content=b"sound", media_type="audio/mpeg")


def report(name: str = "me.mp3", *, audio: EmbeddedAudio | None = None) -> str:
    return html_report.page(Named(name=name, assessment=made_assessment.assessment()), b"\x89PNG", audio)


def test_the_report_tells_rating_passages_diagnosis_and_references() -> None:
    written = report()
    assert '<p class="rating">48</p>' in written
    assert "0:12–0:20" in written
    for comparison in made_assessment.assessment().comparisons:
        assert comparison.reference.title in written
    for finding in made_assessment.assessment().diagnosis:
        assert finding.sentence in written


def test_the_report_is_whole_in_itself() -> None:
    written = report(audio=AUDIO)
    assert not re.search(r"https?:|(src|href)=\"(?!data:)", written)
    assert f"data:audio/mpeg;base64,{base64.b64encode(b'sound').decode()}" in written


@pytest.mark.parametrize("tag", ["style", "script"])
def test_the_policy_allows_its_own_style_and_script_and_no_other(tag: str) -> None:
    written = report()
    (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", written, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    assert f"{tag}-src 'sha256-{digest}'" in written


def test_a_name_is_told_and_never_run() -> None:
    written = report('<img src=x onerror="alert(1)">.mp3')
    assert "<img src=x" not in written
    assert "&lt;img src=x" in written


def test_passages_can_be_heard_only_where_the_recording_is_there() -> None:
    assert "data-from" not in report().partition("<script>")[0]
    assert 'data-from="12.0" data-to="20.0"' in report(audio=AUDIO)


def test_the_command_writes_the_report(model_root: Path, tmp_path: Path) -> None:
    recording = recording_files.write(tmp_path / "me.wav")
    out = tmp_path / "report.html"
    arguments = ["report", str(recording), "-o", str(out), "--with-audio", "--model-dir", str(model_root)]
    assert main(arguments) == 0
    written = out.read_text(encoding="utf-8")
    assert "<title>me.wav · P-KAI</title>" in written
    assert "data:audio/x-wav;base64," in written or "data:audio/wav;base64," in written


def test_a_recording_that_cannot_be_judged_leaves_no_report(
    model_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recording_files.write_silence(tmp_path / "me.wav")
    out = tmp_path / "report.html"
    assert main(["report", str(recording), "-o", str(out), "--model-dir", str(model_root)]) == 1
    assert "me.wav" in capsys.readouterr().err
    assert not out.exists()
