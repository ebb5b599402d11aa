"""Real files of a made-up piano, whole and broken, written with PyAV when a test asks for them."""

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

import piano_tone
from piano_tone import Waveform

# Suffix -> (codec, container, sample rate): what phones and browsers record, as far as PyAV's FFmpeg can write it.
FORMATS = {
    "wav": ("pcm_s16le", "wav", 22_050),
    "aiff": ("pcm_s16be", "aiff", 22_050),
    "flac": ("flac", "flac", 22_050),
    "mp3": ("libmp3lame", "mp3", 22_050),
    "m4a": ("aac", "ipod", 22_050),
    "aac": ("aac", "adts", 22_050),
    "opus": ("libopus", "ogg", 48_000),
    "webm": ("libopus", "webm", 48_000),
    "flv": ("aac", "flv", 22_050),
}


class _Pipe(io.RawIOBase):
    """A place that can be written to but not gone back in, as a microphone's stream is."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(data)


def write(
    path: Path,
    samples: Waveform | None = None,
    *,
    rate: int | None = None,
    options: Mapping[str, str] | None = None,
    streamed: bool = False,
    layout: str = "mono",
) -> Path:
    """Encode samples in the format of the suffix; 12 s of playing if none are given.

    Parameters
    ----------
    path : its suffix, without the dot, is a key of `FORMATS`
    samples : (n,) mono
    rate : Hz; of the samples and the file
    options : of the container
    streamed : write without ever going back, so that the header cannot tell the length
    layout : of the channels, all of which hold the samples
    """
    codec, container, own_rate = FORMATS[path.suffix[1:]]
    rate = rate or own_rate
    if samples is None:
        samples = piano_tone.notes(12.0, rate)
    pipe = _Pipe()
    with av.open(cast(Any, pipe) if streamed else str(path), "w", format=container, options=dict(options or {})) as out:
        stream = cast(Any, out.add_stream(codec, rate=rate))
        stream.layout = layout
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=rate)
        for start in range(0, len(samples), 4096):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 4096], format="flt", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            for resampled in resampler.resample(frame):
                out.mux(stream.encode(resampled))
        for resampled in resampler.resample(None):
            out.mux(stream.encode(resampled))
        out.mux(stream.encode(None))
    if streamed:
        path.write_bytes(pipe.written)
    return path


def write_silence(path: Path, *, duration_s: float = 12.0) -> Path:
    """Digital silence."""
    rate = FORMATS[path.suffix[1:]][2]
    return write(path, np.zeros(round(duration_s * rate), np.float32))


def write_silent_film(path: Path) -> Path:
    """An MP4 of five black pictures and no sound."""
    with av.open(str(path), "w", format="mp4") as out:
        stream = cast(Any, out.add_stream("mpeg4", rate=5))
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    return path


def write_two_tracks(path: Path) -> Path:
    """An MP4 with the sound twice: first in a codec that nobody knows, as phones do, then as AAC."""
    once = write(path.with_suffix(".m4a"))
    with av.open(str(once)) as source, av.open(str(path), "w", format="mp4") as out:
        given = source.streams.audio[0]
        tracks = [cast(Any, out.add_stream_from_template(given)) for _ in range(2)]
        for packet in source.demux(given):
            for track in tracks if packet.dts is not None else []:
                copied = av.Packet(bytes(packet))
                copied.pts, copied.dts, copied.time_base = packet.pts, packet.dts, packet.time_base
                copied.duration, copied.stream = packet.duration, track
                out.mux(copied)
    path.write_bytes(path.read_bytes().replace(b"mp4a", b"apac", 1))
    return path


def add_late_stream(path: Path, *, part: float = 0.75) -> Path:
    """An FLV in which pictures begin midway, of which its header said nothing, in place."""
    whole = path.read_bytes()
    at = 13  # the first tag
    while at < part * len(whole):
        at += 11 + int.from_bytes(whole[at + 1 : at + 4], "big") + 4
    picture = b"\x12" + bytes(50)
    tag = b"\x09" + len(picture).to_bytes(3, "big") + bytes(7) + picture
    path.write_bytes(whole[:at] + tag + len(tag).to_bytes(4, "big") + whole[at:])
    return path


def add_cover(path: Path, *, side: int) -> Path:
    """An MP3 with a square picture of one colour in front of its sound, in place."""
    rows = zlib.compress(bytes((1 + 8 * side) * side), 9)
    ihdr = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)
    chunks = ((b"IHDR", ihdr), (b"IDAT", rows), (b"IEND", b""))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    picture = b"\0image/png\0\x03\0" + png
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + size + frame + path.read_bytes())
    return path


def cut(path: Path, *, part: float = 0.5) -> Path:
    """The file with its end cut off, in place."""
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    return path


def claim_wav_size(path: Path, size: int) -> Path:
    """A WAV file whose data chunk claims another size, in place."""
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(data)
    return path


def shorten_edit_list(path: Path, *, part: float = 0.5) -> Path:
    """An M4A trimmed as phones do it: the samples stay, the edit list plays only the first part of them."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12  # version and flags, number of edits, then the first edit's duration
    played = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = struct.pack(">I", int(part * played))
    path.write_bytes(data)
    return path
