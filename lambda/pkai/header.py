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
# How a QuickTime index that is packed begins.
_PACKED_INDEX = b"dcomzlib"
_READ_AT_ONCE = 1 << 20
# More than the service takes; larger files are on the machine of whoever has them judged.
_SEARCHED_BYTES = 64 << 20
# Of an ID3v2 tag, as FFmpeg reads it whatever the version.
_TAG_BYTES = 10
_EXTENDED_HEADER, _PACKED_FRAME = 0x40, 0x0008
_MOST_TAGS, _MOST_FRAMES = 1_000, 2_000


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
    frame = file.read(64).ljust(64, b"\0")
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


def unpacks_while_it_is_opened(file: IO[bytes]) -> bool:
    """Whether FFmpeg would unpack more than sound: frames of ID3v2 tags or a QuickTime index that are compressed.

    It does so before anything is decoded, into memory, a thousand times as large as the file. No recorder writes any.
    """
    file.seek(0)
    before, n_tags = b"", 0
    while file.tell() < _SEARCHED_BYTES and (read := file.read(_READ_AT_ONCE)):
        block = before + read
        if _PACKED_INDEX in block:
            return True
        start, at = file.tell() - len(block), block.find(b"ID3")
        while at >= 0 and at + _TAG_BYTES <= len(block):
            if block[at + 3] in (3, 4) and max(block[at + 6 : at + _TAG_BYTES]) < 0x80:
                n_tags += 1
                if n_tags > _MOST_TAGS or _has_packed_frames(file, start + at, block[at : at + _TAG_BYTES]):
                    return True
            at = block.find(b"ID3", at + 1)
        before = block[-(_TAG_BYTES - 1) :]
        file.seek(start + len(block))
    return False


def _has_packed_frames(file: IO[bytes], start: int, tag: bytes) -> bool:
    """Whether a frame of an ID3v2 tag is compressed; where a size may be read in two ways, FFmpeg may take either."""
    end = start + _TAG_BYTES + _syncsafe(tag[6:])
    first = start + _TAG_BYTES
    if tag[5] & _EXTENDED_HEADER:
        file.seek(first)
        size = _syncsafe(file.read(4).ljust(4, b"\0"))
        first += size if tag[3] == 4 else size + 4
    seen, waiting = set[int](), [first]
    while waiting and len(seen) < _MOST_FRAMES:
        at = waiting.pop()
        file.seek(at)
        frame = file.read(10)
        if at in seen or at >= end or len(frame) < 10 or not frame[:4].isalnum() or not frame[:1].isalpha():
            continue
        seen.add(at)
        size, flags = struct.unpack(">IH", frame[4:])
        if flags & _PACKED_FRAME:
            return True
        waiting += {at + 10 + size, at + 10 + _syncsafe(frame[4:8])}
    return len(seen) >= _MOST_FRAMES


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
