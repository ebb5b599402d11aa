"""Whatever a phone, a browser or a studio makes of one performance, P-KAI hears one waveform."""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import recording_files
from conftest import ROOT
from pkai import audio, header
from pkai.errors import RecordingTooLong

SAMPLE_RATE = 22_050
DURATION_S = 3.0
# Encoders and resamplers delay, and not all containers tell by how much: no more than this, a frame and a half of AAC.
MAX_LAG_S = 0.07


def playing(sample_rate: int) -> npt.NDArray[np.float32]:
    """Six decaying chords below 3.5 kHz, in closed form: the same music at any sample rate."""
    t = np.arange(round(DURATION_S * sample_rate)) / sample_rate
    y = np.zeros_like(t)
    for onset_s, root_hz in zip(np.arange(6) / 2 + 0.05, (220.0, 277.2, 329.6, 440.0, 196.0, 261.6), strict=True):
        since = np.maximum(t - onset_s, 0.0)
        envelope = (t >= onset_s) * (1 - np.exp(-since / 0.004)) * np.exp(-3 * since)
        y += envelope * sum(np.sin(2 * np.pi * k * root_hz * since) / k**2 for k in (1, 2, 3, 5))
    scaled: npt.NDArray[np.float32] = (0.5 * y / np.abs(y).max()).astype(np.float32)
    return scaled


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a file is written, and how near to the original it must be heard.

    Attributes
    ----------
    codec, container, suffix : as FFmpeg and people call them
    sample_rate : Hz
    layout : of channels; all but those of the front pair stay silent
    snr_db : signal to noise, at least; of the lossy codecs at their default bit rates
    """

    codec: str
    container: str
    suffix: str
    sample_rate: int = 48_000
    layout: str = "mono"
    snr_db: float = 50.0

    def __str__(self) -> str:
        return f"{self.suffix}-{self.codec}-{self.sample_rate}-{self.layout}"

    def write(self, folder: Path) -> Path:
        """Encode the playing into a file of this format."""
        path = folder / f"playing.{self.suffix}"
        mono = playing(self.sample_rate)
        n_channels = av.AudioLayout(self.layout).nb_channels
        channels = np.zeros((n_channels, len(mono)), np.float32)
        channels[:2] = mono
        if self.codec == "libvorbis":  # PyAV's FFmpeg reads Vorbis but has no good encoder for it
            soundfile.write(path, channels.T, self.sample_rate, format="OGG", subtype="VORBIS")
            return path
        with av.open(str(path), "w", format=self.container) as out:
            stream = cast(Any, out.add_stream(self.codec, rate=self.sample_rate))
            stream.layout = self.layout
            resampler = av.AudioResampler(format=stream.format.name, layout=self.layout, rate=self.sample_rate)
            for start in range(0, len(mono), 4096):
                block = np.ascontiguousarray(channels[:, start : start + 4096])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self.layout)
                frame.sample_rate, frame.pts = self.sample_rate, start
                for resampled in resampler.resample(frame):
                    out.mux(stream.encode(resampled))
            for resampled in resampler.resample(None):
                out.mux(stream.encode(resampled))
            out.mux(stream.encode(None))
        return path


WIDE_WAV_CODECS = ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le")
LOSSY = (
    Format(codec="libmp3lame", container="mp3", suffix="mp3", sample_rate=44_100, snr_db=20),
    Format(codec="aac", container="ipod", suffix="m4a", sample_rate=44_100, snr_db=20),
    Format(codec="libopus", container="webm", suffix="webm", snr_db=15),
    Format(codec="libopus", container="ogg", suffix="opus", snr_db=15),
    Format(codec="libvorbis", container="ogg", suffix="ogg", sample_rate=44_100, snr_db=12),
)
FORMATS = (
    *LOSSY,
    Format(codec="libmp3lame", container="mp3", suffix="mp3", sample_rate=16_000, snr_db=20),
    Format(codec="libmp3lame", container="mp3", suffix="mp3", sample_rate=44_100, layout="stereo", snr_db=20),
    Format(codec="aac", container="ipod", suffix="m4a", layout="stereo", snr_db=20),
    Format(codec="aac", container="ipod", suffix="m4a", layout="5.1", snr_db=20),
    Format(codec="aac", container="adts", suffix="aac", sample_rate=44_100, snr_db=20),
    Format(codec="libopus", container="webm", suffix="webm", layout="stereo", snr_db=15),
    Format(codec="libopus", container="ogg", suffix="opus", layout="5.1", snr_db=12),
    Format(codec="libvorbis", container="ogg", suffix="ogg", sample_rate=44_100, layout="stereo", snr_db=12),
    *(Format(codec="flac", container="flac", suffix="flac", layout=layout) for layout in ("mono", "stereo", "5.1")),
    Format(codec="flac", container="flac", suffix="flac", sample_rate=96_000),
    Format(codec="pcm_u8", container="wav", suffix="wav", snr_db=25),
    *(Format(codec=codec, container="wav", suffix="wav") for codec in WIDE_WAV_CODECS),
    *(
        Format(codec="pcm_s16le", container="wav", suffix="wav", sample_rate=sample_rate)
        for sample_rate in (8_000, 11_025, 16_000, 22_050, 44_100, 88_200, 96_000, 192_000)
    ),
    *(Format(codec="pcm_s24le", container="wav", suffix="wav", layout=layout) for layout in ("stereo", "5.1")),
)


def nearness(heard: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Lag in seconds and signal-to-noise ratio in dB, at the best lag and gain; the lag to a 1/8 of a sample."""
    n = 1 << int(np.ceil(np.log2(len(heard) + len(expected))))
    spectrum = np.fft.rfft(heard, n)
    cross = spectrum * np.conj(np.fft.rfft(expected, n))
    fine = 8
    correlation = np.fft.irfft(np.pad(cross, (0, (fine - 1) * n // 2)), fine * n)
    lag = int(np.argmax(correlation))
    lag_samples = (lag if lag < fine * n // 2 else lag - fine * n) / fine
    shift = np.exp(2j * np.pi * np.arange(n // 2 + 1) * lag_samples / n)
    aligned = np.fft.irfft(spectrum * shift, n)[: len(expected)]
    inner = slice(len(expected) // 50, -len(expected) // 10)  # encoders cut and pad at the edges
    a, b = aligned[inner], expected[inner].astype(np.float64)
    noise = a - b * (a @ b) / (b @ b)
    return lag_samples / SAMPLE_RATE, float(10 * np.log10((a @ a) / (noise @ noise + 1e-30)))


@pytest.mark.parametrize("file_format", FORMATS, ids=str)
def test_every_format_becomes_the_same_waveform_and_its_facts_are_told(file_format: Format, tmp_path: Path) -> None:
    decoding = audio.Decoding()
    blocks = list(audio.stream(file_format.write(tmp_path), sample_rate=SAMPLE_RATE, decoding=decoding))
    heard = np.concatenate(blocks)
    lag_s, snr_db = nearness(heard, playing(SAMPLE_RATE))
    assert heard.dtype == np.float32
    assert abs(lag_s) <= MAX_LAG_S
    assert snr_db >= file_format.snr_db
    assert len(heard) / SAMPLE_RATE == pytest.approx(DURATION_S, abs=0.15)
    assert decoding.source_sample_rate == file_format.sample_rate
    assert decoding.channels == av.AudioLayout(file_format.layout).nb_channels
    assert decoding.duration_s == pytest.approx(len(heard) / SAMPLE_RATE)
    assert decoding.damaged_packets == 0


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_channels_that_cancel_each_other_are_heard_as_one_of_them(suffix: str, tmp_path: Path) -> None:
    music = playing(44_100)
    heard = []
    for name, second in (("upright", music), ("upside-down", -music)):
        path = tmp_path / f"{name}.{suffix}"
        soundfile.write(path, np.stack((music, second), axis=1), 44_100)
        heard.append(audio.decode(path, sample_rate=SAMPLE_RATE))
    assert np.abs(heard[0]).max() > 0.1
    np.testing.assert_allclose(heard[1], heard[0], atol=0.02 if suffix == "ogg" else 1e-4)


def test_two_channels_are_mixed_as_ffmpeg_mixes_them(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "apart.ogg"
    music = playing(44_100)
    apart = np.stack((music, 0.1 * rng.standard_normal(len(music)).astype(np.float32)), axis=1)
    soundfile.write(path, apart, 44_100, format="OGG", subtype="VORBIS")
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
    mixed = np.concatenate([out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)])
    np.testing.assert_allclose(audio.decode(path, sample_rate=SAMPLE_RATE), mixed, atol=1e-6)


@pytest.mark.parametrize("file_format", LOSSY, ids=str)
def test_a_file_in_memory_is_heard_as_one_on_disk(file_format: Format, tmp_path: Path) -> None:
    path = file_format.write(tmp_path)
    from_memory = audio.decode(io.BytesIO(path.read_bytes()), sample_rate=SAMPLE_RATE)
    np.testing.assert_array_equal(from_memory, audio.decode(path, sample_rate=SAMPLE_RATE))


def test_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    path = LOSSY[1].write(tmp_path)
    renamed = path.rename(tmp_path / "voice memo (3).txt")
    assert len(audio.decode(renamed, sample_rate=SAMPLE_RATE)) > 0


def wav_header(data_bytes: int) -> bytes:
    """RIFF header of mono 16-bit samples at 8 kHz that claims so many bytes."""
    return (
        b"RIFF"
        + min(data_bytes + 36, 2**32 - 1).to_bytes(4, "little")
        + b"WAVEfmt "
        + b"".join(n.to_bytes(size, "little") for n, size in ((16, 4), (1, 2), (1, 2), (8000, 4), (16_000, 4), (2, 2)))
        + b"\x10\x00data"
        + data_bytes.to_bytes(4, "little")
    )


class EndlessWav(io.RawIOBase):
    """A WAV that claims 4 GB and goes on for ever; counts what is read of it."""

    def __init__(self) -> None:
        self.header = wav_header(2**32 - 1)
        self.position = 0
        self.bytes_read = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sought."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place in the 4 GB."""
        self.position = offset + (0, self.position, 2**32 + 43)[whence]
        return self.position

    def tell(self) -> int:
        """Tell the place."""
        return self.position

    def read(self, size: int = -1) -> bytes:
        """Give the header, then an unending quiet hum."""
        assert size >= 0, "the whole endless file was asked for"
        start, self.position = self.position, self.position + size
        self.bytes_read += size
        return self.header[start : start + size].ljust(size, b"\x10")


def test_decoding_stops_at_the_limit_and_reads_little_further() -> None:
    endless = EndlessWav()
    heard_s = 0.0
    with pytest.raises(RecordingTooLong, match=r"recording is longer than 0\.5 min; send at most 0\.5 min"):
        for block in audio.stream(cast(Any, endless), sample_rate=SAMPLE_RATE, max_duration_s=30.0):
            heard_s += len(block) / SAMPLE_RATE
    assert 27.0 < heard_s <= 30.0  # in blocks of two seconds
    assert endless.bytes_read - header._SEARCHED_BYTES < 4 * 30 * 16_000


def test_a_recording_just_within_the_limit_is_taken(tmp_path: Path) -> None:
    path = Format(codec="pcm_s16le", container="wav", suffix="wav").write(tmp_path)
    assert len(audio.decode(path, sample_rate=SAMPLE_RATE, max_duration_s=DURATION_S)) == DURATION_S * SAMPLE_RATE


_PEAK_MEMORY_OF = """
import resource, sys
from pathlib import Path
from pkai import audio
from pkai.errors import RecordingError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    for block in audio.stream(Path(sys.argv[1]), sample_rate=22_050):
        pass
except RecordingError as err:
    print(err.code, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak_memory_mb(path: Path) -> float:
    """By how much reading a file raises the peak memory of a fresh process."""
    command = [sys.executable, "-c", _PEAK_MEMORY_OF, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT / "lambda")
    return int(done.stdout) / 1024


@pytest.mark.parametrize("claimed", [2**32 - 1, 2**31 - 1, 4_000_000_000])
def test_a_header_that_claims_4_gb_allocates_nothing(claimed: int, tmp_path: Path) -> None:
    path = tmp_path / "claims.wav"
    path.write_bytes(wav_header(claimed) + b"\x10" * 160_000)
    assert peak_memory_mb(path) < 30


def test_a_cover_that_unpacks_to_a_gigabyte_is_not_unpacked(tmp_path: Path) -> None:
    path = recording_files.add_cover(recording_files.write(tmp_path / "cover.mp3"), side=8_000)
    assert path.stat().st_size < 2_000_000
    assert peak_memory_mb(path) < 60  # the cover has 512 MB


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    ten_minutes = 600 * 16_000
    path.write_bytes(wav_header(ten_minutes) + b"\x10" * ten_minutes)
    assert peak_memory_mb(path) < 30  # its samples alone are 53 MB at 22,050 Hz
