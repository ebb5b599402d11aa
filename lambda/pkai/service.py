"""What the service can be asked, whichever way the question came."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any

from pkai import __version__, contract, library, references, selection, uploads
from pkai.assessment import Assessment, ModelIdentity, PairAssessment
from pkai.contract import Options
from pkai.errors import AssessmentNotFound, LocationNotAllowed, NotConfigured, RecordingError, RequestError
from pkai.scorer import Judge
from pkai.selection import Wish
from pkai.settings import Settings
from pkai.store import MAX_OBJECT_BYTES, Place, Store


class Service:
    """The judge, the recordings and the answers of one installation; safe to share between threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store

    @property
    def library(self) -> library.Library:
        """Where the references are."""
        return library.of(self.settings)

    def assess(self, request: contract.AssessmentRequest) -> Assessment:
        """Assess the recording of a request.

        Raises
        ------
        RequestError, RecordingError
            If the asker can mend it.
        ModelError, StorageError
            If it is not the asker's.
        """
        judge = self.judge_for(request.model)
        with self._opened(request.audio) as recording:
            return self.assess_file(judge, recording, request)

    def assess_bytes(self, recording: bytes, options: Options) -> Assessment:
        """Assess a recording that was sent as it is; raises what `assess` does."""
        return self.assess_file(self.judge_for(options.model), io.BytesIO(recording), options)

    def assess_file(self, judge: Judge, recording: IO[bytes], options: Options) -> Assessment:
        """Assess a recording that is on this machine."""
        wish = _wish(options)
        known = self.library.references()
        return judge.assess(recording, piece=wish.piece, reference_names=wish.names, known=known)

    def compare(self, request: contract.ComparisonRequest) -> PairAssessment:
        """Say which of the two recordings of a request is played better; raises what `assess` does."""
        judge = self.judge_for(request.model)
        first, second = (
            self._assess_named(judge, name, audio, request)
            for name, audio in (("first", request.first), ("second", request.second))
        )
        return judge.pair_assessment(first, second)

    def references(self, *, piece: str | None, model: str | None) -> contract.ReferencesAnswer:
        """The reference performances, those of one piece or all."""
        judge = self.judge_for(model)
        sha256 = judge.manifest.sha256
        known = self.library.references()
        chosen = references.select(known, model_sha256=sha256, piece=piece, names=None)
        lacking = [one for one in references.unscored(known, model_sha256=sha256) if piece in (None, one.piece)]
        return contract.ReferencesAnswer(
            references=tuple(
                references.rated(reference, judge.manifest.calibration, model_sha256=sha256) for reference in chosen
            ),
            unscored=tuple(reference.name for reference in lacking),
        )

    def health(self) -> contract.HealthAnswer:
        """That the model is loaded, and which, and that the references can be read."""
        manifest = self.judge_for(None).manifest
        self.library.references()
        return contract.HealthAnswer(
            version=__version__,
            model=ModelIdentity(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
        )

    def offer_upload(self, request: contract.UploadRequest) -> contract.UploadAnswer:
        """Sign a form with which one file can be uploaded.

        Raises
        ------
        NotConfigured
            If this installation has no buckets of its own.
        RequestError
            If the model, the piece or a reference is unknown: who uploads minutes of sound learns that before.
        """
        uploads_bucket, _ = self._own_buckets()
        wish = _wish(request)
        if request.model is not None or not wish.is_open:
            judge = self.judge_for(request.model)
            if not wish.is_open:  # else nothing of the references can be refused, and they need not be read
                selection.refuse(wish, self.library.references(), model_sha256=judge.manifest.sha256)
        assessment_id = uploads.new_id()
        form = self.store.upload_form(
            Place(bucket=uploads_bucket, key=uploads.upload_key(assessment_id)),
            content_type=request.content_type,
            notes=uploads.notes_of(request),
            expires_in_s=uploads.FORM_EXPIRES_IN_S,
        )
        return contract.UploadAnswer(
            id=assessment_id,
            url=form.url,
            fields=form.fields,
            max_bytes=MAX_OBJECT_BYTES,
            expires_in_s=uploads.FORM_EXPIRES_IN_S,
            assessment=f"/v1/assessments/{assessment_id}",
        )

    def find_assessment(self, assessment_id: str) -> dict[str, Any] | None:
        """The answer to an upload; None while it is not there yet.

        Raises
        ------
        AssessmentNotFound
            If there is neither an upload nor an answer, or an upload that nobody tries to assess any more.
        """
        uploads_bucket, results_bucket = self._own_buckets()
        upload = self.store.current(uploads_bucket, uploads.upload_key(assessment_id))
        if upload is None:
            # Uploads are deleted before their answers are; those of other keys have ids that lead to no upload.
            key = self.store.newest(results_bucket, uploads.results_prefix(assessment_id))
        else:
            key = uploads.result_key(assessment_id, upload)
        found = None if key is None else self.store.read(results_bucket, key)
        if found is not None:
            answer: dict[str, Any] = json.loads(found)
            return answer
        if upload is not None:
            if uploads.is_given_up(upload):
                raise AssessmentNotFound("this upload could not be assessed; upload the recording anew")
            return None
        raise AssessmentNotFound(
            "there is neither an upload nor an answer under this id; POST /v1/uploads gives an id and a form to upload "
            "with, and answers are kept for some time only"
        )

    def judge_for(self, name: str | None) -> Judge:
        """The model of that name, loaded once; the default one for None.

        Raises
        ------
        RequestError
            If there is none of that name.
        """
        root = self.settings.model_root
        if name is not None:
            known = sorted(path.parent.name for path in root.glob("*/manifest.json"))
            if name not in known:
                raise RequestError(f"unknown model {name!r}; there are: {', '.join(known)}")
        return loaded(self.settings, name or self.settings.model)

    def _assess_named(self, judge: Judge, name: str, audio: contract.Audio, options: Options) -> Assessment:
        """Assess one of several recordings; what is wrong with it is told with its name."""
        try:
            with self._opened(audio) as recording:
                return self.assess_file(judge, recording, options)
        except (RequestError, RecordingError) as err:
            raise type(err)(f"{name}: {err}") from err

    @contextmanager
    def _opened(self, audio: contract.Audio) -> Iterator[IO[bytes]]:
        if isinstance(audio, contract.InlineAudio):
            yield io.BytesIO(contract.audio_bytes(audio.base64))
            return
        bucket, _, key = audio.s3.removeprefix("s3://").partition("/")
        if bucket not in self.settings.readable_buckets:
            raise LocationNotAllowed("that bucket is none that this service reads; use one of those in PKAI_BUCKETS")
        with self.store.fetched(Place(bucket=bucket, key=key)) as fetched:
            yield fetched.file

    def _own_buckets(self) -> tuple[str, str]:
        uploads_bucket, results_bucket = self.settings.uploads_bucket, self.settings.results_bucket
        if uploads_bucket is None or results_bucket is None:
            raise NotConfigured(
                "uploads are not set up here: PKAI_UPLOADS_BUCKET and PKAI_RESULTS_BUCKET are needed; "
                "send the recording itself to POST /v1/assessments"
            )
        return uploads_bucket, results_bucket


@lru_cache
def loaded(settings: Settings, name: str) -> Judge:
    """A model by its name, read once."""
    return Judge.load(settings.model_root, name, n_threads=settings.n_threads)


def _wish(options: Options) -> Wish:
    return Wish(piece=options.piece, names=None if options.references is None else tuple(options.references))
