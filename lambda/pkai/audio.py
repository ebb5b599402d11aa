"""Decode whatever a phone or a browser records into one mono waveform, block by block.

PyAV (FFmpeg's libraries) reads the container, decodes, mixes down and resamples. Blocks are handed on as
they come, so memory depends neither on the length of the recording nor on what a header claims.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from pkai import header
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
_GUESSED_LENGTH_FORMATS = frozenset({"aac", "ac3", "amr"})
# What people record and keep. Left out are the formats that name other files or addresses to open (playlists,
# concat scripts), and those that take any text or picture for a film.
_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
_OPEN_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
# Opening looks at pictures beside the sound: a cover of a few MB can unpack to gigabytes.
_STREAM_OPTIONS = {"max_pixels": "4000000"}
_MAX_DAMAGED_PACKETS_IN_A_ROW = 1000
# Handed on at a time: a call of the resampler costs as much as the thousand samples of one frame do, and decoding
# drives what the next stage works with out of the cache.
_RESAMPLED_AT_ONCE_S = 2.0
# What a channel of two counts in FFmpeg's mono.
_EACH_OF_TWO = np.float32(np.sqrt(0.5))
# Less of the energy of two channels is left in their sum only where one is the other upside down.
_CANCELLED = 0.01
# Sampling rates that a recording has; another is an accident or an attack, which resampling would take much memory for.
_LOWEST_RATE, _HIGHEST_RATE = 1_000, 768_000
# Nobody records more; of hundreds, two seconds take gigabytes.
_MOST_CHANNELS = 64
# What an encoder adds to a recording that is just as long as it may be.
_PADDING_S = 0.1
# Full scale is 1; float samples may pass it, but not so far.
_LOUDEST = 1e6
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
    _ends_s: float = field(default=0.0, repr=False)
    _sound_packets: int = field(default=0, repr=False)


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
        Before the first block; UnsupportedAudio after the last, too, if hardly anything could be decoded.
    RecordingTooLong
        As soon as more than `max_duration_s` has been decoded.
    TruncatedRecording
        If an MP4 lacks its index; else after the last block, if much less came than the file's own header promises.
        A file whose header promises no length (a live WebM, a streamed WAV, ADTS) is taken as far as it goes.
    """
    state = decoding if decoding is not None else Decoding()
    _refuse_missing_or_empty(source)
    _refuse_packed(source)
    with _open(source) as container:
        audio = _audio_stream(container)
        _refuse_channels(audio.codec_context.channels)
        state.codec = audio.codec_context.codec.canonical_name
        state.channels = audio.codec_context.channels
        state.source_sample_rate = audio.codec_context.sample_rate
        state._claimed_s = _claimed_duration_s(source, container, audio)
        n_samples = 0
        for block in _resampled(container, audio, sample_rate, state):
            n_samples += len(block)
            state.duration_s = n_samples / sample_rate
            if state.duration_s > max_duration_s + _PADDING_S:
                raise RecordingTooLong(
                    f"recording is longer than {max_duration_s / 60:g} min; send at most {max_duration_s / 60:g} min"
                )
            yield block
    if state.damaged_packets >= state._sound_packets:  # chance bytes look like a frame now and then
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
    blocks = stream(source, sample_rate=sample_rate, max_duration_s=max_duration_s)
    return np.concatenate([np.zeros(0, np.float32), *blocks])


def _refuse_missing_or_empty(source: AudioSource) -> None:
    if isinstance(source, Path):
        size = _size_of(source)
    else:
        size = source.seek(0, 2)
        source.seek(0)
    if size == 0:
        raise EmptyRecording(f"the file is empty (0 bytes); {_SUPPORTED_HINT}")


def _refuse_packed(source: AudioSource) -> None:
    try:
        with _raw(source) as file:
            is_packed = header.unpacks_while_it_is_opened(file)
    except OSError as err:
        raise RecordingNotFound("the file may not be read; give yourself the right to read it") from err
    if is_packed:
        raise UnsupportedAudio(f"what is in the file beside its sound is packed; export it anew, or {_SUPPORTED_HINT}")


def _refuse_channels(n_channels: int) -> None:
    if n_channels > _MOST_CHANNELS:
        raise _unmixable(n_channels)


def _unmixable(n_channels: int) -> UnsupportedAudio:
    return UnsupportedAudio(f"sound of {n_channels} channels cannot be mixed; send mono or stereo")


def _size_of(path: Path) -> int:
    try:
        if path.is_dir():
            raise RecordingNotFound(f"{path} is a folder; give the path of a recording")
        if not path.exists():
            raise RecordingNotFound(f"there is no file {path.name}; give the path of a recording")
        if not path.is_file():
            raise RecordingNotFound(f"{path.name} is a pipe or a device; save the recording to a file first")
        return path.stat().st_size
    except OSError as err:  # a name that is too long, or a folder that may not be searched
        raise RecordingNotFound(f"{path.name} cannot be read ({err.strerror}); give the path of a recording") from err


def _open(source: AudioSource) -> av.container.InputContainer:
    name = str(source.absolute()) if isinstance(source, Path) else source  # "12:30.m4a" alone is read as an address
    try:
        return av.open(
            name, mode="r", metadata_errors="ignore", options=_STREAM_OPTIONS, container_options=_OPEN_OPTIONS
        )
    except av.error.PermissionError as err:
        raise RecordingNotFound("the file may not be read; give yourself the right to read it") from err
    except (av.error.FFmpegError, ValueError) as err:
        with _raw(source) as file:
            if header.mp4_lacks_its_index(file):
                raise TruncatedRecording(
                    "the file breaks off before its index, so nothing of it can be read; send the whole file"
                ) from err
        raise UnsupportedAudio(f"the file is not audio that can be read; {_SUPPORTED_HINT}") from err


def _audio_stream(container: av.container.InputContainer) -> av.AudioStream:
    """The first that can be decoded: beside it phones keep the sound of a room in codecs of their own."""
    if not container.streams.audio:
        raise NoAudioStream(f"the file holds no sound; {_SUPPORTED_HINT}")
    for audio in container.streams.audio:
        if audio.codec_context is not None:
            return audio
    raise UnsupportedAudio(f"the sound in the file is of a codec that is not known; {_SUPPORTED_HINT}")


@contextmanager
def _raw(source: AudioSource) -> Iterator[IO[bytes]]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        position = source.tell()  # FFmpeg reads on from here
        yield source
        source.seek(position)


def _resampled(
    container: av.container.InputContainer, audio: av.AudioStream, sample_rate: int, state: Decoding
) -> Iterator[Waveform]:
    resampler: av.AudioResampler | None = None
    gathered = av.AudioFifo()
    layout: tuple[str, av.AudioLayout, int] | None = None
    enough, tick_s = 0.0, 0.0
    frame = pts = None
    for frame in _frames(container, audio, state):
        pts = frame.pts
        frame.pts = None  # timestamps of phones jump; samples are joined as they come
        found = (frame.format.name, frame.layout, frame.sample_rate)
        if layout != found:  # joined files change midway
            yield from _resample(resampler, gathered, last=True)
            if not _LOWEST_RATE <= frame.sample_rate <= _HIGHEST_RATE:
                raise UnsupportedAudio(
                    f"sound sampled at {frame.sample_rate} Hz cannot be heard; send one at 8,000 to 192,000 Hz"
                )
            _refuse_channels(frame.layout.nb_channels)
            # Planar, as it computes inside: of packed samples, even of one channel, it makes a copy each way.
            resampler, gathered = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate), av.AudioFifo()
            layout = found
            enough, tick_s = _RESAMPLED_AT_ONCE_S * frame.sample_rate, float(frame.time_base or 0)
        gathered.write(frame)
        if gathered.samples >= enough:
            _note_end(frame, pts, tick_s, state)
            yield from _resample(resampler, gathered)
    if frame is not None:
        _note_end(frame, pts, tick_s, state)
    yield from _resample(resampler, gathered, last=True)


def _resample(resampler: av.AudioResampler | None, gathered: av.AudioFifo, *, last: bool = False) -> Iterator[Waveform]:
    """Mono blocks of what was gathered; if it is the last, of what the resampler still holds as well."""
    if resampler is None:
        return
    frame = gathered.read()
    for given in (*([_mixed(frame)] if frame else []), *([None] if last else [])):
        try:
            resampled = resampler.resample(given)
        except av.error.FFmpegError as err:
            raise _unmixable(gathered.layout.nb_channels) from err
        for out in resampled:
            if out.samples:
                yield _sound(_plane(out, 0))


def _sound(block: Waveform) -> Waveform:
    if not np.abs(block).max() < _LOUDEST:  # of not-a-number nothing is true
        raise UnsupportedAudio("the file holds samples that are no numbers, or none of a sound; export it anew")
    return block


def _mixed(frame: av.AudioFrame) -> av.AudioFrame:
    """Two channels as one, as the resampler would mix them, which takes three times as long for it.

    Where they cancel each other, for a cable or an app turned one of them upside down, the louder is heard alone.
    """
    if frame.layout.nb_channels != 2:
        return frame  # the resampler mixes whatever there is
    if frame.format.name != "fltp":
        (frame,) = av.AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate).resample(frame)
    left, right = _plane(frame, 0), _plane(frame, 1)
    mixed = av.AudioFrame("fltp", "mono", frame.samples)
    mixed.sample_rate = frame.sample_rate
    mono = _plane(mixed, 0)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no sound is refused when it is resampled
        np.add(left, right, out=mono)
        mono *= _EACH_OF_TWO
        energy = [float(channel @ channel) for channel in (left, right)]
        if float(mono @ mono) < _CANCELLED * sum(energy):
            np.multiply(left if energy[0] >= energy[1] else right, 2 * _EACH_OF_TWO, out=mono)
    return mixed


def _plane(frame: av.AudioFrame, index: int) -> Waveform:
    """Samples of one plane, which is a buffer, though PyAV's types do not say so; `to_ndarray` would copy it twice."""
    return np.frombuffer(frame.planes[index], np.float32, frame.samples)  # type: ignore[call-overload,no-any-return]


def _frames(container: av.container.InputContainer, audio: av.AudioStream, state: Decoding) -> Iterator[Any]:
    packets = container.demux(audio)
    damaged_in_a_row = 0
    while damaged_in_a_row <= _MAX_DAMAGED_PACKETS_IN_A_ROW:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, IndexError) as err:
            state.damaged_packets += 1
            damaged_in_a_row += 1
            if isinstance(err, IndexError):  # a stream came up midway that PyAV does not know of
                packets = container.demux(audio)
        else:
            damaged_in_a_row = 0
            state._sound_packets += bool(frames)
            yield from frames


def _note_end(frame: Any, pts: int | None, tick_s: float, state: Decoding) -> None:
    """Keep the time at which the frame ends, for files that leave out what is silent."""
    if pts is not None and tick_s and frame.sample_rate:
        state._ends_s = max(state._ends_s, pts * tick_s + frame.samples / frame.sample_rate)


def _claimed_duration_s(
    source: AudioSource, container: av.container.InputContainer, audio: av.AudioStream
) -> float | None:
    """Length that the file's header promises, in seconds; None where it promises nothing."""
    formats = set(container.format.name.split(","))
    if formats & _GUESSED_LENGTH_FORMATS:
        return None
    if "wav" in formats:
        with _raw(source) as file:
            return header.wav_duration_s(file)
    if "mp3" in formats:
        with _raw(source) as file:
            frames = header.mp3_frames(file)
        rate = audio.codec_context.sample_rate
        samples_per_frame = 1152 if rate >= 32_000 else 576
        return None if frames is None else frames * samples_per_frame / rate
    if audio.duration is not None and audio.time_base is not None:
        return float(audio.duration * audio.time_base)
    # With a picture beside the sound, the container's length may be the picture's.
    return container.duration / 1e6 if container.duration is not None and len(container.streams) == 1 else None


def _refuse_truncated(state: Decoding) -> None:
    if state._claimed_s is None:
        return
    missing_s = state._claimed_s - max(state.duration_s, state._ends_s)
    if missing_s > max(TRUNCATION_TOLERANCE_S, TRUNCATION_TOLERANCE_RATIO * state._claimed_s):
        raise TruncatedRecording(
            f"only {state.duration_s:.1f} s of the {state._claimed_s:.1f} s that the header promises can be read; "
            "send the whole file"
        )
