"""Files as they come: cut, streamed, trimmed, joined or damaged. What is missing is told, what is whole is taken."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import piano_tone
import recording_files
from pkai import audio
from pkai.errors import (
    EmptyRecording,
    NoAudioStream,
    RecordingNotFound,
    RecordingTooLong,
    TruncatedRecording,
    UnsupportedAudio,
)

RATE = 22_050
# Encoders pad to whole frames and resamplers hold some samples back.
PADDING_S = 0.12


def duration_s(source: audio.AudioSource) -> float:
    return len(audio.decode(source, sample_rate=RATE)) / RATE


@pytest.mark.parametrize("suffix", recording_files.FORMATS)
def test_a_whole_file_is_never_called_truncated(suffix: str, tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / f"whole.{suffix}")
    assert duration_s(path) == pytest.approx(12.0, abs=PADDING_S)


@pytest.mark.parametrize("suffix", ["wav", "aiff", "flac", "mp3", "webm"])
@pytest.mark.parametrize("part", [0.5, 0.8])
def test_a_file_shorter_than_its_header_promises_is_refused(suffix: str, part: float, tmp_path: Path) -> None:
    path = recording_files.cut(recording_files.write(tmp_path / f"cut.{suffix}"), part=part)
    with pytest.raises(TruncatedRecording, match=r"only \d+\.\d s of the 12\.\d s .* send the whole file"):
        duration_s(path)


def test_an_m4a_whose_index_stands_first_is_refused_when_cut(tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "cut.m4a", options={"movflags": "faststart"})
    with pytest.raises(TruncatedRecording, match=r"only \d\.\d s of the 12\.0 s"):
        duration_s(recording_files.cut(path))


@pytest.mark.parametrize("part", [0.3, 0.9, 0.995])
def test_an_m4a_cut_before_the_end_of_its_index_is_called_truncated(part: float, tmp_path: Path) -> None:
    path = recording_files.cut(recording_files.write(tmp_path / "cut.m4a"), part=part)
    with pytest.raises(TruncatedRecording, match="breaks off before its index"):
        duration_s(path)


def test_of_two_tracks_the_one_that_can_be_decoded_is_heard(tmp_path: Path) -> None:
    assert duration_s(recording_files.write_two_tracks(tmp_path / "room.mp4")) == pytest.approx(12.0, abs=PADDING_S)


def wav(*, channels: int = 1, rate: int = RATE, tag: int = 1) -> io.BytesIO:
    """A second of silence."""
    samples = bytes(2 * channels * RATE)
    per_s = 2 * channels * rate % 2**32
    facts = struct.pack("<IHHIIHH", 16, tag, channels, rate, per_s, 2 * channels, 16)
    data = b"WAVEfmt " + facts + b"data" + struct.pack("<I", len(samples)) + samples
    return io.BytesIO(b"RIFF" + struct.pack("<I", len(data)) + data)


def test_eight_channels_are_mixed() -> None:
    assert duration_s(wav(channels=8)) == pytest.approx(1.0, abs=PADDING_S)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (wav(channels=9), "sound of 9 channels cannot be mixed; send mono or stereo"),
        (wav(rate=2_000_000_000), "sampled at 2000000000 Hz cannot be heard; send one at 8,000 to 192,000 Hz"),
        (wav(rate=5), "sampled at 5 Hz cannot be heard"),
        (wav(tag=0x9999), "of a codec that is not known; send MP3"),
    ],
)
def test_sound_that_nobody_can_play_is_refused(broken: io.BytesIO, message: str) -> None:
    with pytest.raises(UnsupportedAudio, match=message):
        duration_s(broken)


@pytest.mark.parametrize("sample", [np.nan, np.inf, -np.inf, 1e25])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_sound_are_refused(sample: float, channels: int, tmp_path: Path) -> None:
    samples = np.tile(piano_tone.notes(12.0, RATE)[:, None], (1, channels))
    samples[RATE, 0] = sample
    soundfile.write(tmp_path / "odd.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(UnsupportedAudio, match="samples that are no numbers, or none of a sound; export it anew"):
        duration_s(tmp_path / "odd.wav")


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _tag(*frames: bytes) -> bytes:
    """An ID3v2.4 tag."""
    return b"ID3\x04\0\0" + _syncsafe(sum(map(len, frames))) + b"".join(frames)


def _picture(*, packed: bool) -> bytes:
    content = b"\0image/jpeg\0\x03\0" + bytes(100_000)
    body = struct.pack(">I", len(content)) + zlib.compress(content) if packed else content
    return b"APIC" + _syncsafe(len(body)) + (b"\0\x09" if packed else b"\0\0") + body


def _riff_chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _packed_index() -> bytes:
    """A QuickTime film whose index is compressed."""
    index = zlib.compress(struct.pack(">I4s", 100_000, b"moov") + bytes(99_992))
    parts = (
        struct.pack(">I4s4s", 12, b"dcom", b"zlib") + struct.pack(">I4sI", 12 + len(index), b"cmvd", 100_000) + index
    )
    inner = struct.pack(">I4s", 8 + len(parts), b"cmov") + parts
    return (
        struct.pack(">I4s4sI4s", 20, b"ftyp", b"qt  ", 0, b"qt  ")
        + struct.pack(">I4s", 8 + len(inner), b"moov")
        + inner
    )


@pytest.mark.parametrize("where", ["before an MP3", "after another frame", "in a WAV", "deep in a file", "QuickTime"])
def test_what_unpacks_while_a_file_is_opened_is_refused(where: str, tmp_path: Path) -> None:
    sound = recording_files.write(tmp_path / "sound.mp3").read_bytes()
    wav = recording_files.write(tmp_path / "sound.wav").read_bytes()
    tag = _tag(_picture(packed=True))
    content = {
        "before an MP3": tag + sound,
        "after another frame": _tag(_picture(packed=False), _picture(packed=True)) + sound,
        "in a WAV": wav[:12] + _riff_chunk(b"ID3 ", tag) + wav[12:],
        "deep in a file": sound + bytes(1_048_576 - len(sound) % 1_048_576 - 5) + tag + sound,
        "QuickTime": _packed_index(),
    }[where]
    for source in (io.BytesIO(content), tmp_path / "bomb"):
        if isinstance(source, Path):
            source.write_bytes(content)
        with pytest.raises(UnsupportedAudio, match="beside its sound is packed; export it anew"):
            duration_s(source)


def test_a_picture_that_is_not_packed_is_no_matter(tmp_path: Path) -> None:
    sound = recording_files.write(tmp_path / "sound.mp3").read_bytes()
    assert duration_s(io.BytesIO(_tag(_picture(packed=False)) + sound)) == pytest.approx(12.0, abs=PADDING_S)


def test_more_channels_than_anybody_records_are_refused_before_they_are_decoded() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((22_050, 100), np.float32), RATE, format="WAV", subtype="PCM_16")
    with pytest.raises(UnsupportedAudio, match="sound of 100 channels cannot be mixed"):
        duration_s(file)


def test_pictures_that_begin_midway_leave_the_sound_whole(tmp_path: Path) -> None:
    path = recording_files.add_late_stream(recording_files.write(tmp_path / "late.flv"))
    assert duration_s(path) == pytest.approx(12.0, abs=PADDING_S)


@pytest.mark.parametrize("name", ["12:30.wav", "concat:a.wav", "%03d.wav"])
def test_a_name_that_looks_like_an_address_is_a_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert duration_s(recording_files.write(tmp_path / "whole.wav").rename(name)) == pytest.approx(12.0, abs=PADDING_S)


def test_a_cut_file_is_refused_from_memory_as_from_disk(tmp_path: Path) -> None:
    for suffix in ("wav", "mp3", "m4a"):
        path = recording_files.cut(recording_files.write(tmp_path / f"cut.{suffix}"))
        with pytest.raises(TruncatedRecording):
            duration_s(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_reading_the_header_moves_no_sample_of_a_file_in_memory(suffix: str, tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / f"whole.{suffix}")
    from_memory = audio.decode(io.BytesIO(path.read_bytes()), sample_rate=RATE)
    assert np.array_equal(from_memory, audio.decode(path, sample_rate=RATE))


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0xFFFF_FFFF - 44, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_streamed_wav_that_does_not_know_its_size_is_taken_whole(size: int, tmp_path: Path) -> None:
    path = recording_files.claim_wav_size(recording_files.write(tmp_path / "streamed.wav"), size)
    assert duration_s(path) == pytest.approx(12.0, abs=PADDING_S)


@pytest.mark.parametrize("suffix", ["webm", "flac", "wav"])
def test_a_live_stream_without_a_length_is_taken_whole(suffix: str, tmp_path: Path) -> None:
    options = {"live": "1"} if suffix == "webm" else {}  # as a browser's MediaRecorder writes it
    path = recording_files.write(tmp_path / f"live.{suffix}", options=options, streamed=True)
    assert duration_s(path) == pytest.approx(12.0, abs=PADDING_S)


@pytest.mark.parametrize("suffix", ["webm", "flac"])
def test_a_cut_live_stream_is_taken_as_far_as_it_goes(suffix: str, tmp_path: Path) -> None:
    options = {"live": "1"} if suffix == "webm" else {}
    path = recording_files.write(tmp_path / f"live.{suffix}", options=options, streamed=True)
    assert 4 < duration_s(recording_files.cut(path)) < 8


def test_an_mp3_without_a_xing_header_is_taken_as_far_as_it_goes(tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "plain.mp3", options={"write_xing": "0"})
    assert duration_s(path) == pytest.approx(12.0, abs=PADDING_S)
    assert duration_s(recording_files.cut(path)) == pytest.approx(6.0, abs=0.5)


def test_an_m4a_trimmed_by_an_edit_list_is_whole(tmp_path: Path) -> None:
    path = recording_files.shorten_edit_list(recording_files.write(tmp_path / "trimmed.m4a"), part=0.75)
    assert duration_s(path) == pytest.approx(9.0, abs=PADDING_S)


@pytest.mark.parametrize("suffix", ["mp3", "aac"])
def test_a_file_joined_from_two_sample_rates_keeps_both_parts(suffix: str, tmp_path: Path) -> None:
    options = {"write_xing": "0"} if suffix == "mp3" else {}
    parts = [
        recording_files.write(
            tmp_path / f"{rate}.{suffix}", piano_tone.notes(6.0, rate), rate=rate, options=options
        ).read_bytes()
        for rate in (44_100, 32_000)
    ]
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(b"".join(parts))
    assert duration_s(joined) == pytest.approx(12.0, abs=2 * PADDING_S)


@pytest.mark.parametrize("layouts", [("mono", "stereo"), ("stereo", "mono")])
@pytest.mark.parametrize("suffix", ["mp3", "aac"])
def test_a_file_joined_from_mono_and_stereo_keeps_both_parts(
    suffix: str, layouts: tuple[str, str], tmp_path: Path
) -> None:
    options = {"write_xing": "0"} if suffix == "mp3" else {}
    parts = [
        recording_files.write(
            tmp_path / f"{layout}.{suffix}", piano_tone.notes(6.0, 44_100), rate=44_100, options=options, layout=layout
        ).read_bytes()
        for layout in layouts
    ]
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(b"".join(parts))
    sound = audio.decode(joined, sample_rate=22_050)
    assert len(sound) / 22_050 == pytest.approx(12.0, abs=2 * PADDING_S)
    first, second = (float(np.sqrt(np.mean(part**2))) for part in np.array_split(sound, 2))
    assert first == pytest.approx(second, rel=0.2)  # as loud, by one channel or by two


def test_a_damaged_middle_is_skipped_and_counted(tmp_path: Path, rng: np.random.Generator) -> None:
    path = recording_files.write(tmp_path / "damaged.mp3")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = rng.bytes(2000)
    path.write_bytes(data)
    decoding = audio.Decoding()
    blocks = list(audio.stream(path, sample_rate=RATE, decoding=decoding))
    assert sum(map(len, blocks)) / RATE > 11
    assert decoding.damaged_packets > 0


@pytest.mark.parametrize(
    "content",
    [
        b"this is a song\n" * 500,
        bytes(range(256)) * 200,
        b"RIFF\x24\x00\x00\x00WAVE",
        b"ID3\x04\x00\x00\x00\x00\x0f\x76",
        b"#EXTM3U\n#EXTINF:9,\nother.aac\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile other.wav\n",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["text", "bytes", "wav-stub", "id3-stub", "playlist", "concat-script", "picture"],
)
def test_what_is_not_audio_is_unsupported(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    with pytest.raises(UnsupportedAudio, match="send MP3, M4A/AAC, WebM, Ogg, Opus, FLAC or WAV"):
        duration_s(path)


def test_chance_bytes_that_look_like_frames_are_unsupported(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "noise.mp3"
    path.write_bytes(rng.bytes(300_000))
    with pytest.raises(UnsupportedAudio):
        duration_s(path)


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    recording_files.write(tmp_path / "other.aac")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\nother.aac\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnsupportedAudio):
        duration_s(playlist)


def test_a_wav_header_without_samples_is_unsupported(tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "stub.wav")
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"data") + 8])
    with pytest.raises(UnsupportedAudio, match="no audio could be decoded"):
        duration_s(path)


def test_an_empty_file_a_missing_one_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    with pytest.raises(EmptyRecording, match="0 bytes"):
        duration_s(tmp_path / "empty.mp3")
    with pytest.raises(EmptyRecording, match="0 bytes"):
        duration_s(io.BytesIO())
    with pytest.raises(RecordingNotFound, match=r"no file missing\.mp3"):
        duration_s(tmp_path / "missing.mp3")
    with pytest.raises(RecordingNotFound):
        duration_s(tmp_path)


def test_a_film_without_sound_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NoAudioStream, match="holds no sound"):
        duration_s(recording_files.write_silent_film(tmp_path / "film.mp4"))


def test_decoding_stops_at_the_limit(tmp_path: Path) -> None:
    path = recording_files.write(tmp_path / "long.flac")
    decoding = audio.Decoding()
    with pytest.raises(RecordingTooLong, match=r"longer than 0\.1 min"):
        list(audio.stream(path, sample_rate=RATE, max_duration_s=6.0, decoding=decoding))
    assert decoding.duration_s < 7
