"""What a file's own header promises, read from its bytes where FFmpeg keeps silent about it.

FFmpeg shortens the length of a cut WAV to what is there, mixes the frame count of an MP3 with guesses from its bit
rate, and says of an MP4 without its index only that the data is invalid. To tell that a file was cut, its own
words are needed. Every function leaves the file at an unspecified position.
"""

import struct
from collections.abc import Iterator
from typing import IO

# Recorders that cannot go back write a size of 0 or one near 2 or 4 GiB; nobody means those.
_PLACEHOLDER_BYTES = 0x7FFF_0000
# Where Xing or Info stands after the start of its frame: by MPEG version and mono or stereo.
_XING_OFFSETS = (13, 21, 36)
_XING_HAS_FRAME_COUNT = 0x1
# WAV's tags of uncompressed samples: integers, floats, and either. Their bytes in a second follow from rate and width,
# which FFmpeg goes by, too; recorders get the header's own figure wrong now and then.
_SAMPLES_AS_THEY_ARE = (1, 3, 0xFFFE)


def wav_duration_s(file: IO[bytes]) -> float | None:
    """Length that a RIFF WAV claims for its samples, in seconds; None if it is none or claims nothing."""
    file.seek(0)
    riff = file.read(12)
    if riff[:4] != b"RIFF" or riff[8:] != b"WAVE":
        return None
    bytes_per_s = 0
    while len(chunk := file.read(8)) == 8:
        name, size = struct.unpack("<4sI", chunk)
        if name == b"data":
            return size / bytes_per_s if bytes_per_s and 0 < size < _PLACEHOLDER_BYTES else None
        body = file.read(16) if name == b"fmt " else b""
        if len(body) == 16:
            tag, _, rate, bytes_per_s, bytes_at_once = struct.unpack_from("<HHIIH", body)
            bytes_per_s = rate * bytes_at_once if tag in _SAMPLES_AS_THEY_ARE else bytes_per_s
        file.seek(size + size % 2 - len(body), 1)
    return None


def mp3_frames(file: IO[bytes]) -> int | None:
    """Frames that the Xing or Info header of an MP3 counts; None where there is none, or it does not count."""
    file.seek(0)
    tag = file.read(10)
    file.seek(10 + _syncsafe(tag[6:10]) if tag[:3] == b"ID3" and len(tag) == 10 else 0)
    frame = file.read(64)
    for offset in _XING_OFFSETS:
        if frame[offset : offset + 4] in (b"Xing", b"Info"):
            flags, count = struct.unpack_from(">II", frame, offset + 4)
            return count if flags & _XING_HAS_FRAME_COUNT and count else None
    return None


def mp4_lacks_its_index(file: IO[bytes]) -> bool:
    """Whether this is an MP4 or M4A of which the index, the box `moov`, is not there as a whole."""
    file.seek(4)
    if file.read(4) != b"ftyp":
        return False
    return b"moov" not in _whole_boxes(file)


def _syncsafe(number: bytes) -> int:
    """An ID3v2 size: seven bits in each byte."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(number, (21, 14, 7, 0), strict=True))


def _whole_boxes(file: IO[bytes]) -> Iterator[bytes]:
    """Names of the top-level boxes of an MP4 that end within the file."""
    end = file.seek(0, 2)
    start = 0
    while end - start >= 8:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        if size == 1:
            size = int.from_bytes(file.read(8), "big")
        elif size == 0:
            size = end - start
        if not 8 <= size <= end - start:
            return
        yield name
        start += size
