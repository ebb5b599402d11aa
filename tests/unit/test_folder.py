"""A folder in place of S3: forms are taken as they were signed, once, and for as long as was said."""

from pathlib import Path

import pytest

from pkai import folder
from pkai.errors import RequestError
from pkai.folder import Folder
from pkai.store import Place


def test_a_form_that_has_expired_is_refused_and_nothing_written(tmp_path: Path) -> None:
    store = Folder(tmp_path, upload_url="/uploads")
    place = Place(bucket="uploads", key="uploads/one")
    form, late = (store.upload_form(place, content_type="audio/wav", notes={}, expires_in_s=s) for s in (60, -1))
    with pytest.raises(RequestError, match="the form has expired"):
        store.receive(late.fields, b"sound")
    assert store.current(place.bucket, place.key) is None
    assert store.receive(form.fields, b"sound").written_at is not None


def test_a_form_of_another_folder_is_none_of_this_one(tmp_path: Path) -> None:
    place = Place(bucket="uploads", key="uploads/one")
    form = Folder(tmp_path / "other", upload_url="/uploads").upload_form(
        place, content_type="audio/wav", notes={}, expires_in_s=60
    )
    with pytest.raises(RequestError, match="was not signed here"):
        Folder(tmp_path / "own", upload_url="/uploads").receive(form.fields, b"sound")


@pytest.mark.parametrize("part", ["", ".", "..", "..."])
def test_no_part_of_a_key_leads_out_of_the_folder(part: str) -> None:
    assert len(folder._name(part)) == 64
