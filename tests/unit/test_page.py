"""How the page is sent: its own files and no other, compressed, and guarded by a policy that lets nothing else in."""

import base64
import gzip
import re
from pathlib import Path

import pytest

from pkai import page
from pkai.errors import RouteNotFound

INDEX = (page.FOLDER / "index.html").read_text(encoding="utf-8")


def sent(name: str, *, accept_encoding: str = "", upload_origin: str | None = None) -> tuple[bytes, dict[str, str]]:
    answer = page.answer(name, accept_encoding=accept_encoding, upload_origin=upload_origin)
    assert answer.is_base64
    return base64.b64decode(answer.body), {**answer.headers, "content-type": answer.content_type}


def test_the_page_asks_for_files_that_it_has_and_for_nothing_from_elsewhere() -> None:
    named = re.findall(r'(?:src|href)="([^"]+)"', INDEX)
    assert len(named) == 3
    for name in named:
        content, headers = sent(name)
        assert content
        assert "immutable" in headers["cache-control"]


def test_a_browser_that_takes_gzip_gets_fewer_bytes_of_the_same_file() -> None:
    plain, _ = sent("index.html")
    packed, headers = sent("index.html", accept_encoding="br, GZIP")
    assert (headers["content-encoding"], headers["vary"]) == ("gzip", "accept-encoding")
    assert gzip.decompress(packed) == plain == INDEX.encode()


def test_a_new_page_is_seen_at_once() -> None:
    assert sent("index.html")[1]["cache-control"] == sent("config.json")[1]["cache-control"] == "no-cache"


def test_nothing_runs_in_the_page_but_its_own_files() -> None:
    _, headers = sent("index.html", upload_origin="https://uploads.example")
    rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["connect-src"] == "'self' https://uploads.example"
    assert headers["permissions-policy"].startswith("microphone=(self)")


@pytest.mark.parametrize("name", ["assets/../../handler.py", "assets/nothing.js", "assets", "", "/etc/passwd"])
def test_no_other_file_can_be_asked_for(name: str) -> None:
    with pytest.raises(RouteNotFound):
        sent(name)


def test_an_installation_without_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    page._names.cache_clear()
    try:
        assert not page.is_there()
    finally:
        page._names.cache_clear()


def test_the_licences_of_the_libraries_go_with_the_page() -> None:
    told = (page.FOLDER / "licences.txt").read_text(encoding="utf-8")
    for library in ("idb", "preact", "uplot", "wavesurfer.js"):
        assert f"{library}\n" in told
