"""What a header promises is read from its bytes, whatever else the file holds."""

import io
import struct

import pytest

from pkai import header

FORMAT = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def wav(*chunks: bytes) -> io.BytesIO:
    return io.BytesIO(b"RIFF\0\0\0\0WAVE" + b"".join(chunks))


def xing(offset: int, flags: int, frames: int) -> bytes:
    return b"\xff\xfb\x90\x00".ljust(offset, b"\0") + b"Xing" + struct.pack(">II", flags, frames)


def box(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I", 8 + len(body) if size is None else size) + name + body


def test_a_wav_promises_its_data_chunk_over_its_bytes_per_second() -> None:
    assert header.wav_duration_s(wav(chunk(b"fmt ", FORMAT), chunk(b"data", b"", 48_000))) == 3.0


def test_of_samples_as_they_are_the_bytes_in_a_second_are_counted_and_of_others_told() -> None:
    wrong = struct.pack("<HHIIHH", 1, 1, 8000, 8_000, 2, 16)
    assert header.wav_duration_s(wav(chunk(b"fmt ", wrong), chunk(b"data", b"", 48_000))) == 3.0
    adpcm = struct.pack("<HHIIHH", 2, 1, 8000, 4_000, 256, 4)
    assert header.wav_duration_s(wav(chunk(b"fmt ", adpcm), chunk(b"data", b"", 12_000))) == 3.0


def test_chunks_between_format_and_data_are_passed_over_odd_ones_with_their_padding() -> None:
    file = wav(chunk(b"fmt ", FORMAT + b"\0\0"), chunk(b"LIST", b"odd"), chunk(b"data", b"", 16_000))
    assert header.wav_duration_s(file) == 1.0


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0xFFFF_FFFF])
def test_a_placeholder_for_the_size_of_a_wav_promises_nothing(size: int) -> None:
    assert header.wav_duration_s(wav(chunk(b"fmt ", FORMAT), chunk(b"data", b"", size))) is None


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\0\0\0\0AVI ", b"RF64\xff\xff\xff\xffWAVE", b"RIFF\0\0\0\0WAVEdata\1\0\0\0x"]
)
def test_what_is_no_complete_wav_header_promises_nothing(content: bytes) -> None:
    assert header.wav_duration_s(io.BytesIO(content)) is None


@pytest.mark.parametrize("offset", [13, 21, 36])
@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\x01\x05" + bytes(133)])
def test_an_mp3_promises_the_frames_of_its_xing_header_with_and_without_tag(offset: int, tag: bytes) -> None:
    assert header.mp3_frames(io.BytesIO(tag + xing(offset, 0x1, 777))) == 777


@pytest.mark.parametrize("content", [b"", b"ID3", b"\xff\xfb" + bytes(100), xing(36, 0x2, 777), xing(36, 0x1, 0)])
def test_an_mp3_that_counts_no_frames_promises_nothing(content: bytes) -> None:
    assert header.mp3_frames(io.BytesIO(content)) is None


def test_an_mp4_lacks_its_index_unless_the_whole_box_is_there() -> None:
    start = box(b"ftyp", b"M4A ") + box(b"mdat", bytes(50))
    index = box(b"moov", bytes(20))
    assert not header.mp4_lacks_its_index(io.BytesIO(start + index))
    assert header.mp4_lacks_its_index(io.BytesIO(start))
    assert header.mp4_lacks_its_index(io.BytesIO((start + index)[:-1]))


def test_boxes_of_64_bit_size_and_boxes_to_the_end_are_followed() -> None:
    large = struct.pack(">I4sQ", 1, b"mdat", 16 + 30) + bytes(30)
    assert not header.mp4_lacks_its_index(io.BytesIO(box(b"ftyp", b"") + large + box(b"moov", b"x", size=0)))


def test_a_box_of_an_impossible_size_ends_the_search() -> None:
    assert header.mp4_lacks_its_index(io.BytesIO(box(b"ftyp", b"") + box(b"mdat", b"", size=5) + box(b"moov", b"")))


def test_what_is_no_mp4_lacks_no_index() -> None:
    assert not header.mp4_lacks_its_index(io.BytesIO(b"ID3\x04"))


def test_a_xing_header_at_the_end_of_a_file_promises_nothing() -> None:
    assert header.mp3_frames(io.BytesIO(xing(36, 0x0, 0)[:42])) is None


def test_tags_without_end_are_given_up() -> None:
    assert header.unpacks_while_it_is_opened(io.BytesIO(b"ID3\x04\0\0\0\0\0\0" * 2_000))
    frames = b"".join(b"TXXX\0\0\0\x01\0\0x" for _ in range(3_000))
    size = bytes(len(frames) >> shift & 0x7F for shift in (21, 14, 7, 0))
    assert header.unpacks_while_it_is_opened(io.BytesIO(b"ID3\x03\0\0" + size + frames))
