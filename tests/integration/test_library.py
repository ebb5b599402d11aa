"""References are added while the service runs, by several at once, to a file or to moto's real S3 over HTTP."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import local_aws
import recording_files
import service
from conftest import ROOT
from events import make_events
from pkai import library, references, storage
from pkai.__main__ import main
from pkai.errors import ModelContractError, RequestError, StorageError
from pkai.library import FileLibrary, Library, ObjectLibrary
from pkai.references import Reference
from pkai.settings import Settings
from pkai.storage import S3
from pkai.store import Document

BUCKET, KEY = "pkai-references", "our school/références.json"
PLACE = f"s3://{BUCKET}/{KEY}"
N_AT_ONCE = 8


def reference(name: str) -> Reference:
    return Reference(name=name, title=name.upper(), piece="fur-elise", level="expert", scores={"hash": 1.0})


def names(place: Library) -> list[str]:
    return [one.name for one in place.references()]


def overwrite(document: bytes) -> None:
    """Put another document in place, as by hand."""
    storage._client().put_object(Bucket=BUCKET, Key=KEY, Body=document)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """S3 with an empty bucket, for this process and for those that it starts."""
    with local_aws.s3_server() as url:
        local_aws.create_bucket(url, BUCKET)
        service.configure(monkeypatch, **local_aws.ENVIRONMENT, AWS_ENDPOINT_URL_S3=url, AWS_MAX_ATTEMPTS="2")
        library.of.cache_clear()
        yield url
        storage._client().close()
        service.configure(monkeypatch)
        library.of.cache_clear()


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Library:
    if request.param == "file":
        return FileLibrary(tmp_path / "references" / "references.json")
    request.getfixturevalue("endpoint")
    return ObjectLibrary(S3(), BUCKET, KEY)


def test_what_was_added_is_there_at_once_and_may_be_replaced(place: Library) -> None:
    place.add(reference("a"))
    place.add(reference("b"))
    assert names(place) == ["a", "b"]
    with pytest.raises(RequestError, match="there is a reference 'a' already"):
        place.add(dataclasses.replace(reference("a"), title="another"))
    place.add(dataclasses.replace(reference("a"), title="another"), replace=True)
    assert [one.title for one in place.references()] == ["another", "B"]


def test_of_those_who_add_at_once_nobody_is_lost(place: Library) -> None:
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        list(pool.map(lambda n: place.add(reference(f"r{n}")), range(N_AT_ONCE)))
    assert sorted(names(place)) == [f"r{n}" for n in range(N_AT_ONCE)]


def test_a_list_in_s3_begins_with_the_references_of_the_model_folder(endpoint: str, tmp_path: Path) -> None:
    own = FileLibrary(tmp_path / "references.json")
    own.add(reference("ladder"))
    shared = ObjectLibrary(S3(), BUCKET, KEY, beginning=own)
    assert names(shared) == ["ladder"]  # a service that was just deployed has them
    shared.add(reference("teacher"))
    assert names(shared) == ["ladder", "teacher"]
    assert names(own) == ["ladder"]


def test_a_list_in_s3_that_is_not_there_and_begins_with_none_is_told(endpoint: str) -> None:
    with pytest.raises(ModelContractError, match=r"holds no references; `pkai references add --to s3://"):
        ObjectLibrary(S3(), BUCKET, KEY).references()


class Counting:
    """Documents that count how often they are asked, and refuse when told."""

    def __init__(self) -> None:
        self.n_read = self.n_sent = 0
        self.broken = False

    def newer(self, bucket: str, key: str, *, etag: str | None) -> Document:
        """Ask S3."""
        if self.broken:
            raise StorageError("S3 answered SlowDown; try again")
        self.n_read += 1
        found = S3().newer(bucket, key, etag=etag)
        self.n_sent += found.content is not None
        return found

    def exchange(self, bucket: str, key: str, document: bytes, *, etag: str | None) -> bool:
        """Ask S3."""
        return S3().exchange(bucket, key, document, etag=etag)


def test_s3_is_asked_once_a_minute_and_sends_only_what_has_changed(endpoint: str) -> None:
    now, documents = [0.0], Counting()
    ObjectLibrary(S3(), BUCKET, KEY).add(reference("a"))
    read = ObjectLibrary(documents, BUCKET, KEY, clock=lambda: now[0])
    assert [names(read), names(read)] == [["a"], ["a"]]
    assert (documents.n_read, documents.n_sent) == (1, 1)
    now[0] += library.TRUSTED_FOR_S
    assert names(read) == ["a"]
    assert (documents.n_read, documents.n_sent) == (2, 1)
    ObjectLibrary(S3(), BUCKET, KEY).add(reference("b"))
    now[0] += library.TRUSTED_FOR_S
    assert names(read) == ["a", "b"]
    assert (documents.n_read, documents.n_sent) == (3, 2)


def test_what_was_read_before_is_good_while_s3_fails_and_the_log_tells(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    now, documents = [0.0], Counting()
    documents.broken = True
    read = ObjectLibrary(documents, BUCKET, KEY, clock=lambda: now[0])
    with pytest.raises(StorageError):
        read.references()
    documents.broken = False
    ObjectLibrary(S3(), BUCKET, KEY).add(reference("a"))
    assert names(read) == ["a"]
    documents.broken = True
    now[0] += library.TRUSTED_FOR_S
    assert names(read) == ["a"]
    assert "references could not be read again, those of before are used" in caplog.text


def test_a_list_that_was_damaged_leaves_the_one_of_before_until_it_is_mended(
    endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    written = ObjectLibrary(S3(), BUCKET, KEY).add(reference("a"))
    read = ObjectLibrary(S3(), BUCKET, KEY, clock=lambda: now[0])
    assert names(read) == ["a"]
    overwrite(b"[{")
    now[0] += library.TRUSTED_FOR_S
    assert names(read) == ["a"]
    assert "references could not be read again" in caplog.text
    with pytest.raises(ModelContractError):
        read.add(reference("b"))
    with pytest.raises(ModelContractError):
        names(ObjectLibrary(S3(), BUCKET, KEY))
    overwrite(references.document((*written, reference("c"))))
    now[0] += library.TRUSTED_FOR_S
    assert names(read) == ["a", "c"]


class Overtaken(Counting):
    """Others are faster each time."""

    def exchange(self, bucket: str, key: str, document: bytes, *, etag: str | None) -> bool:
        """Come too late."""
        return False


def test_who_is_overtaken_each_time_is_told_to_try_again(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_PAUSE_S", 0.0)
    with pytest.raises(StorageError, match="was changed by others 12 times in a row; try again"):
        ObjectLibrary(Overtaken(), BUCKET, KEY).add(reference("a"))


@pytest.mark.parametrize("place", ["a_file/references.json", "a_folder.json"])
def test_a_place_that_cannot_be_written_is_told(place: str, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    (tmp_path / "a_folder.json").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RequestError, match=r"cannot be written \(.+\); choose another with --to"):
        FileLibrary(tmp_path / place).add(reference("a"))
    assert sorted(tmp_path.iterdir()) == before


def test_a_list_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ModelContractError, match=f"there is no list of references at {tmp_path / 'none.json'}"):
        FileLibrary(tmp_path / "none.json").references()


def test_a_damaged_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "references.json"
    path.write_text("[{")
    with pytest.raises(ModelContractError, match=r"references\.json is no list of references"):
        FileLibrary(path).add(reference("a"))
    assert path.read_text() == "[{"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    read, write = (FileLibrary(tmp_path / "references.json") for _ in range(2))
    write.add(reference("a"))
    assert read.references() is read.references()
    write.add(reference("b"))
    assert names(read) == ["a", "b"]


@pytest.fixture(scope="module")
def piano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of a made-up piano."""
    return recording_files.write(tmp_path_factory.mktemp("recording") / "piano.mp3")


def http(path: str, *, query: str = "", recording: bytes | None = None) -> dict[str, Any]:
    method, headers = ("POST", {"content-type": "audio/mpeg"}) if recording else ("GET", {})
    answer = service.invoke(make_events._http(method, path, query=query, headers=headers, recording=recording))
    assert answer["statusCode"] == 200, answer
    told: dict[str, Any] = json.loads(answer["body"])
    return told


def test_a_reference_added_on_the_command_line_is_compared_with_by_a_service_that_runs(
    endpoint: str, model_root: Path, piano: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.configure(monkeypatch, PKAI_MODEL_DIR=str(model_root), PKAI_REFERENCES=PLACE)
    adding = ["references", "add", str(piano), "--piece", "etude", "--level", "expert", "--title", "Étude, my teacher"]
    assert main([*adding, "--to", PLACE]) == 0
    assert "etude-expert: Étude, my teacher, score" in capsys.readouterr().out
    listed = http("/v1/references")
    assert [one["name"] for one in listed["references"]][-1] == "etude-expert"
    assert listed["unscored"] == []
    assessed = http("/v1/assessments", recording=piano.read_bytes())
    assert assessed["piece"]["how"] == "recognised"
    assert assessed["piece"]["name"] == "etude"
    assert [one["reference"]["name"] for one in assessed["comparisons"]] == ["etude-expert"]
    assert assessed["comparisons"][0]["outcome"] == "equivalent"
    assert main([*adding, "--to", PLACE, "--title", "another"]) == 2
    assert "there is a reference 'etude-expert' already" in capsys.readouterr().err


def test_a_reference_that_the_model_has_not_scored_is_told_everywhere(
    endpoint: str, model_root: Path, piano: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.configure(monkeypatch, PKAI_MODEL_DIR=str(model_root), PKAI_REFERENCES=PLACE)
    own = FileLibrary(model_root / "references" / "references.json")
    ObjectLibrary(S3(), BUCKET, KEY, beginning=own).add(reference("of-old-weights"))
    assert http("/v1/references")["unscored"] == ["of-old-weights"]
    assessed = http("/v1/assessments", query="piece=fur-elise", recording=piano.read_bytes())
    assert len(assessed["comparisons"]) == 3
    (notice,) = (one for one in assessed["warnings"] if one["code"] == "references_unscored")
    assert "of-old-weights" in notice["message"]
    assert main(["references", "list", "--from", PLACE, "--model-dir", str(model_root)]) == 0
    assert "of-old-weights has no score by apr 0.0.0" in capsys.readouterr().err
    assert main(["score", str(piano), "--references", "of-old-weights", "--model-dir", str(model_root)]) == 2
    assert "reference 'of-old-weights' has no score by this model" in capsys.readouterr().err


def test_the_library_of_an_installation_is_the_model_folders_unless_it_is_set_elsewhere(model_root: Path) -> None:
    assert isinstance(library.of(Settings(model_root=model_root)), FileLibrary)
    assert isinstance(library.of(Settings(model_root=model_root, references=PLACE)), ObjectLibrary)
    assert library.of(Settings(model_root=model_root)) is library.of(Settings(model_root=model_root))


def test_processes_that_add_to_a_file_at_once_lose_nobody(tmp_path: Path) -> None:
    """Each process begins when all are ready."""
    path = tmp_path / "references.json"
    program = (
        "import sys; from pathlib import Path; from pkai.library import FileLibrary; from pkai.references import *\n"
        "sys.stdin.readline(); place = FileLibrary(Path(sys.argv[1]))\n"
        "for n in range(5):\n"
        "    place.add(Reference(name=f'r{sys.argv[2]}-{n}', title='t', piece='p', level='expert', scores={}))\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), str(number)],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "lambda")},
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdin is not None
        with closing(writer.stdin) as stdin:
            stdin.write(b"go\n")
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(names(FileLibrary(path))) == 15
