"""Decode whatever a phone or a browser records into one mono waveform, block by block.

PyAV (FFmpeg's libraries) reads the container, decodes, mixes down and resamples. Blocks are handed on as
they come, so memory depends neither on the length of the recording nor on what a header claims.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import av
import av.error
import numpy as np
import numpy.typing as npt

from pkai.errors import (
    EmptyRecording,
    NoAudioStream,
    RecordingNotFound,
    RecordingTooLong,
    TruncatedRecording,
    UnsupportedAudio,
)

Waveform = npt.NDArray[np.float32]
AudioSource = Path | IO[bytes]

MAX_DURATION_S = 20 * 60.0
# A header rounds to its own time base and encoders pad: a shortfall below both of these is no truncation.
TRUNCATION_TOLERANCE_S = 1.0
TRUNCATION_TOLERANCE_RATIO = 0.02
# FFmpeg guesses the length of these from the bit rate, which proves nothing about a missing end.
_GUESSED_LENGTH_FORMATS = frozenset({"aac", "mp3", "ac3", "eac3", "amr"})
_SUPPORTED_HINT = "send MP3, M4A/AAC, WebM, Ogg, Opus, FLAC or WAV"


@dataclass
class Decoding:
    """What was learnt about a recording while its blocks were read.

    Attributes
    ----------
    duration_s : decoded so far, seconds
    damaged_packets : packets that the decoder refused and that were skipped
    codec, channels, source_sample_rate : of the audio stream, as the file has it
    """

    codec: str = ""
    channels: int = 0
    source_sample_rate: int = 0
    duration_s: float = 0.0
    damaged_packets: int = 0
    _claimed_s: float | None = field(default=None, repr=False)


def stream(
    source: AudioSource,
    *,
    sample_rate: int,
    max_duration_s: float = MAX_DURATION_S,
    decoding: Decoding | None = None,
) -> Iterator[Waveform]:
    """Yield the recording as mono blocks at `sample_rate`, in order and without gaps.

    Parameters
    ----------
    source : path, or seekable binary file
    sample_rate : Hz, of the blocks
    max_duration_s : seconds; decoding stops there, whatever the header claims
    decoding : filled in as the blocks go by, for callers that want to know more

    Yields
    ------
    (n,) float32, nominally within -1..1; n varies with the codec

    Raises
    ------
    RecordingNotFound, EmptyRecording, UnsupportedAudio, NoAudioStream
        Before the first block.
    RecordingTooLong
        As soon as more than `max_duration_s` has been decoded.
    TruncatedRecording
        After the last block, if the file ended well before its own header said.
    """
    state = decoding if decoding is not None else Decoding()
    _refuse_missing_or_empty(source)
    with _open(source) as container:
        if not container.streams.audio:
            raise NoAudioStream(f"the file holds no sound; {_SUPPORTED_HINT}")
        audio = container.streams.audio[0]
        state.codec = audio.codec_context.name
        state.channels = audio.codec_context.channels
        state.source_sample_rate = audio.codec_context.sample_rate
        state._claimed_s = _claimed_duration_s(container, audio)
        n_samples = 0
        for block in _resampled(container, audio, sample_rate, state):
            n_samples += len(block)
            state.duration_s = n_samples / sample_rate
            if state.duration_s > max_duration_s:
                raise RecordingTooLong(
                    f"recording is longer than {max_duration_s / 60:g} min; send at most {max_duration_s / 60:g} min"
                )
            yield block
    if n_samples == 0:
        raise UnsupportedAudio(f"no audio could be decoded from the file; {_SUPPORTED_HINT}")
    _refuse_truncated(state)


def decode(source: AudioSource, *, sample_rate: int, max_duration_s: float = MAX_DURATION_S) -> Waveform:
    """Read a whole recording at once; for training and tests, where memory is no matter.

    Returns
    -------
    (n,) float32 mono waveform at `sample_rate`

    Raises
    ------
    RecordingError
        As `stream` does.
    """
    return np.concatenate(list(stream(source, sample_rate=sample_rate, max_duration_s=max_duration_s)))


def _refuse_missing_or_empty(source: AudioSource) -> None:
    if isinstance(source, Path):
        if not source.is_file():
            raise RecordingNotFound(f"there is no file {source.name}; give the path of a recording")
        size = source.stat().st_size
    else:
        size = source.seek(0, 2)
        source.seek(0)
    if size == 0:
        raise EmptyRecording(f"the file is empty (0 bytes); {_SUPPORTED_HINT}")


def _open(source: AudioSource) -> av.container.InputContainer:
    try:
        return av.open(str(source) if isinstance(source, Path) else source, mode="r", metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError) as err:
        raise UnsupportedAudio(f"the file is not audio that can be read; {_SUPPORTED_HINT}") from err


def _resampled(
    container: av.container.InputContainer, audio: av.AudioStream, sample_rate: int, state: Decoding
) -> Iterator[Waveform]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    for frame in _frames(container, audio, state):
        frame.pts = None  # timestamps of phones jump; samples are joined as they come
        for out in resampler.resample(frame):
            yield cast(Waveform, out.to_ndarray()[0])
    if state.source_sample_rate:
        for out in resampler.resample(None):
            if out.samples:
                yield cast(Waveform, out.to_ndarray()[0])


def _frames(container: av.container.InputContainer, audio: av.AudioStream, state: Decoding) -> Iterator[Any]:
    packets = container.demux(audio)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            state.damaged_packets += 1
            if state.damaged_packets > 1000 and state.duration_s == 0:
                return


def _claimed_duration_s(container: av.container.InputContainer, audio: av.AudioStream) -> float | None:
    if _GUESSED_LENGTH_FORMATS.intersection(container.format.name.split(",")):
        return None
    if audio.duration is not None and audio.time_base is not None:
        return float(audio.duration * audio.time_base)
    return None if container.duration is None else container.duration / 1e6


def _refuse_truncated(state: Decoding) -> None:
    if state._claimed_s is None:
        return
    missing_s = state._claimed_s - state.duration_s
    if missing_s > max(TRUNCATION_TOLERANCE_S, TRUNCATION_TOLERANCE_RATIO * state._claimed_s):
        raise TruncatedRecording(
            f"the file ends at {state.duration_s:.1f} s but its header promises {state._claimed_s:.1f} s; "
            "send the whole file"
        )
