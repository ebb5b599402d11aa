"""What can go wrong, told once, with the value and with what would be right.

Recording errors and request errors are the asker's and are answered. Model and storage errors are ours
or upstream's and propagate, so that alarms and retries see them. Every class carries a stable `code`.
"""

from typing import ClassVar


class PkaiError(Exception):
    """Root of everything that P-KAI raises on purpose."""

    code: ClassVar[str] = "pkai_error"


class RequestError(PkaiError):
    """The request itself cannot be understood or is not allowed."""

    code = "invalid_request"


class InvalidJson(RequestError):
    """The body of the request is no JSON."""

    code = "invalid_json"


class AudioSourceError(RequestError):
    """The request names no recording, or the same one in two ways."""

    code = "one_audio_source"


class InvalidBase64(RequestError):
    """The recording in the request is not base64."""

    code = "invalid_base64"


class UnsupportedMediaType(RequestError):
    """The Content-Type is none that this route takes."""

    code = "unsupported_media_type"


class RouteNotFound(RequestError):
    """The service has no such path."""

    code = "route_not_found"


class MethodNotAllowed(RequestError):
    """The path is there, but takes other methods."""

    code = "method_not_allowed"


class AssessmentNotFound(RequestError):
    """There is neither an upload nor an answer under the given id."""

    code = "assessment_not_found"


class RequestTooLarge(RequestError):
    """The body of the request is over the limit; large recordings go by way of S3."""

    code = "request_too_large"


class LocationNotAllowed(RequestError):
    """The request names a bucket that is not among those of this installation."""

    code = "location_not_allowed"


class RecordingError(PkaiError):
    """The recording cannot be judged, for a reason that its sender can mend."""

    code = "recording_error"


class UnsupportedAudio(RecordingError):
    """The bytes are no audio that can be decoded."""

    code = "unsupported_audio"


class EmptyRecording(RecordingError):
    """The file holds no bytes at all."""

    code = "empty_recording"


class NoAudioStream(RecordingError):
    """The container is sound, but holds no audio: a video without sound, for one."""

    code = "no_audio_stream"


class TruncatedRecording(RecordingError):
    """The file ends before the point that its own header promises."""

    code = "truncated_recording"


class RecordingTooShort(RecordingError):
    """Less was played than one snippet of the model needs."""

    code = "recording_too_short"


class RecordingTooLong(RecordingError):
    """The recording goes on past the limit."""

    code = "recording_too_long"


class SilentRecording(RecordingError):
    """Nothing can be heard in the recording."""

    code = "silent_recording"


class RecordingTooLarge(RecordingError):
    """The recording has more bytes than are read."""

    code = "recording_too_large"


class RecordingNotFound(RecordingError):
    """There is no file or object under the given name."""

    code = "recording_not_found"


class ModelError(PkaiError):
    """The model on disk cannot be used."""

    code = "model_error"


class ModelIntegrityError(ModelError):
    """The model file is not the one that its manifest describes."""

    code = "model_integrity"


class ModelContractError(ModelError):
    """The manifest, the ONNX graph or the references do not fit this version of the code."""

    code = "model_contract"


class StorageError(PkaiError):
    """Object storage failed in a way that a later try may not."""

    code = "storage_error"


class NotConfigured(PkaiError):
    """What was asked needs a set-up that the installation does not have."""

    code = "not_configured"


class RecordsFailed(PkaiError):
    """Some objects of an S3 event could not be assessed for reasons that are not their senders'."""

    code = "records_failed"


class InternalError(PkaiError):
    """The service itself is at fault, in a way that nobody foresaw."""

    code = "internal_error"
