"""The command line, in this process: what it takes, what it answers, and where it writes it."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import recording_files
from conftest import ROOT
from pkai import __version__, commands
from pkai.__main__ import build_parser, main


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two recordings that can be judged."""
    folder = tmp_path_factory.mktemp("recordings")
    return recording_files.write(folder / "first.wav"), recording_files.write(folder / "second.mp3")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, model_root: Path) -> None:
    """The tiny model, by the environment."""
    monkeypatch.setenv("PKAI_MODEL_DIR", str(model_root))
    monkeypatch.setenv("PKAI_THREADS", "1")


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said on a wrong usage, which must end with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_one_recording_gets_a_report_without_a_ranking(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(recordings[0])]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("first.wav")
    assert "Ranking" not in out
    assert err == ""


def test_several_recordings_get_a_report_each_and_a_ranking(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", *map(str, recordings)]) == 0
    out = capsys.readouterr().out
    assert out.index("first.wav") < out.index("second.mp3") < out.index("Ranking of 2 recordings")


def test_json_is_one_line_per_recording_with_the_fields_of_the_contract(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--json", *map(str, recordings)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == [str(path) for path in recordings]
    assert list(lines[0]) == [
        "file", "model", "recording", "score", "rating", "rating_interval", "level", "piece", "timeline", "strongest",
        "weakest", "diagnosis", "comparisons", "rank", "warnings",
    ]  # fmt: skip


def test_only_the_named_references_are_compared_with(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["elise-expert", "elise-beginner"]
    assert main(["score", "--json", "--references", ", ".join(names), str(recordings[0])]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [c["reference"]["name"] for c in record["comparisons"]] == names


def test_comparing_gives_one_answer_about_both(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--json", *map(str, recordings)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["outcome", "p_better", "first", "second"]
    assert (answer["first"]["file"], answer["second"]["file"]) == tuple(map(str, recordings))
    assert main(["score", "--json", *map(str, recordings)]) == 0
    alone = [json.loads(line)["score"] for line in capsys.readouterr().out.splitlines()]
    assert [answer["first"]["score"], answer["second"]["score"]] == alone
    assert alone[0] != alone[1]
    assert (answer["p_better"] > 0.5) == (alone[0] > alone[1])


@pytest.mark.parametrize("name", ["pdr", "apr"])
def test_the_model_that_is_asked_for_judges(
    name: str, recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--json", "--model", name, str(recordings[0])]) == 0
    assert json.loads(capsys.readouterr().out)["model"]["name"] == name


def test_comparing_a_recording_with_itself_finds_them_equal_and_names_both_by_path(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(recordings[0])
    assert main(["compare", path, path]) == 0
    assert capsys.readouterr().out.startswith(f"{path} and {path} are played about equally well")


def test_references_are_listed_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["references", "list"]) == 0
    assert "elise-expert" in capsys.readouterr().out
    assert main(["references", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert listed[0] == {
        "name": "elise-beginner",
        "title": "Für Elise, beginner",
        "piece": "fur-elise",
        "level": "beginner",
        "rating": 25.0,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--piece", "nocturne"], "no reference performance of piece 'nocturne'; there are: fur-elise"),
        (["--references", "nobody"], "unknown reference 'nobody'; there are: elise-beginner"),
    ],
)
def test_what_there_is_not_is_told_once_with_what_there_is(
    arguments: list[str], message: str, recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", *arguments, *map(str, recordings)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pkai: {message}")
    assert err.count("\n") == 1


def test_a_model_that_is_not_there_is_our_fault(
    recordings: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--model-dir", str(tmp_path), str(recordings[0])]) == 1
    assert (
        capsys.readouterr().err
        == f"pkai: model folder {tmp_path / 'apr'} lacks manifest.json; set PKAI_MODEL_DIR to the models' folder\n"
    )


def test_a_name_that_no_file_can_have_holds_the_others_not_back(
    recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", "--json", "a" * 300 + ".mp3", str(recordings[0])]) == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0]["error"]["code"] == "recording_not_found"
    assert "cannot be read (File name too long)" in told[0]["error"]["message"]
    assert 0 <= told[1]["rating"] <= 100


def test_a_folder_is_told_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(tmp_path)]) == 1
    assert f"{tmp_path} is a folder; give the path of a recording" in capsys.readouterr().err


def test_a_wrong_setting_is_told_where_the_handler_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "event.json").write_text("{}")
    monkeypatch.setenv("PKAI_BUCKETS", "A_")
    assert main(["invoke", str(tmp_path / "event.json")]) == 2
    assert capsys.readouterr().err.startswith("pkai: PKAI_BUCKETS")


def test_a_service_with_a_wrong_setting_does_not_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PKAI_THREADS", "many")
    monkeypatch.delitem(sys.modules, "handler", raising=False)
    assert main(["serve", "--port", "0"]) == 2
    assert "PKAI_THREADS is 'many'" in capsys.readouterr().err


def test_a_service_that_could_keep_nothing_does_not_begin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["serve", "--port", "0", "--folder", str(tmp_path / "file")]) == 2
    assert "file cannot be written to (File exists); choose another with --folder" in capsys.readouterr().err


def test_a_wrong_setting_is_told_by_its_name(
    recordings: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PKAI_THREADS", "many")
    assert main(["score", str(recordings[0])]) == 2
    assert "PKAI_THREADS is 'many'" in capsys.readouterr().err


def test_wrong_usage_ends_with_2_and_says_what_would_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert "COMMAND" in usage_error(capsys)
    assert "FILE" in usage_error(capsys, "score")
    assert "out.gif must end in .png, .pdf or .svg" in usage_error(capsys, "score", "me.mp3", "--plot", "out.gif")
    assert "give names separated by commas" in usage_error(capsys, "score", "me.mp3", "--references", ",")
    assert "choose from" in usage_error(capsys, "score", "me.mp3", "--model", "gpt")
    assert "FILE" in usage_error(capsys, "compare", "one.mp3")


def test_a_picture_is_of_one_recording(recordings: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", *map(str, recordings), "--plot", "out.png"]) == 2
    assert "use `pkai compare` for two" in capsys.readouterr().err


def test_without_matplotlib_it_is_told_how_to_get_it(
    recordings: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "pkai.plot", raising=False)
    monkeypatch.delattr("pkai.plot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["score", str(recordings[0]), "--plot", "out.png"]) == 2
    assert "pip install '.[plot]'" in capsys.readouterr().err


class Finalized:
    """Interrupts where it is let go."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def test_an_interrupt_within_a_finalizer_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_: object) -> int:
        Finalized()
        give_up_at = time.monotonic() + 10
        while time.monotonic() < give_up_at:
            pass
        return 0

    monkeypatch.setattr(commands, "run", work)
    usual = sys.unraisablehook
    assert main(["score", "me.mp3"]) == 130
    assert capsys.readouterr().err == ""
    assert sys.unraisablehook is usual


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run", interrupted)
    assert main(["score", "me.mp3"]) == 130


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"rating": 50}, 0),
        ({"statusCode": 200, "body": "{}"}, 0),
        ({"error": {"code": "silent_recording"}}, 1),
        ({"statusCode": 422, "body": "{}"}, 1),
    ],
)
def test_an_event_is_answered_by_the_handler_in_this_process(
    answer: dict[str, Any],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = []

    def handler(event: object, context: Any) -> dict[str, Any]:
        asked.append((event, context.function_name, context.get_remaining_time_in_millis()))
        return answer

    module = ModuleType("handler")
    monkeypatch.setattr(module, "handler", handler, raising=False)
    monkeypatch.setitem(sys.modules, "handler", module)
    event = tmp_path / "event.json"
    event.write_text('{"piece": null}')
    assert main(["invoke", str(event)]) == code
    assert json.loads(capsys.readouterr().out) == answer
    assert asked == [({"piece": None}, "pkai", 60_000)]


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), ("{", "is not JSON")])
def test_an_event_that_cannot_be_read_is_told(
    content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = tmp_path / "event.json"
    if content is not None:
        event.write_text(content)
    assert main(["invoke", str(event)]) == 2
    assert message in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--version"])
    assert capsys.readouterr().out == f"pkai {__version__}\n"


def test_scoring_imports_no_more_than_it_needs(recordings: tuple[Path, Path]) -> None:
    program = (
        "import sys\nfrom pkai.__main__ import main\n"
        f"main(['score', {str(recordings[0])!r}])\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT / "lambda", encoding="utf-8"
    )
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "onnxruntime" in loaded
    assert loaded & {"pydantic", "boto3", "botocore", "matplotlib", "aws_lambda_powertools"} == set()


def test_asking_for_help_imports_neither_numpy_nor_onnxruntime() -> None:
    program = (
        "import atexit, sys\natexit.register(lambda: print(*sys.modules))\nfrom pkai.__main__ import main\nmain(['-h'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT / "lambda", encoding="utf-8"
    )
    assert {"numpy", "onnxruntime", "av"} & set(done.stdout.split()) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "http"], "http is no port; give a number from 0 to 65535"),
        (["--port", "65536"], "65536 is no port"),
        (["--workers", "0"], "0 must be a number from 1 to 64"),
    ],
)
def test_serving_with_a_wrong_number_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in usage_error(capsys, "serve", *arguments)


def test_serving_on_a_port_that_is_taken_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"127.0.0.1:{port} cannot be listened on" in capsys.readouterr().err
