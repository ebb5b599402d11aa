"""Files of our own making hold what was played, to their format's precision."""

import io
from pathlib import Path

import numpy as np
import pytest

from pkai import audio
from training.sound import encoding
from training.sound.encoding import Encoding

SAMPLE_RATE = 22_050
WAV = Encoding(container="wav", encoder="pcm_s16le", sample_rate=SAMPLE_RATE, bit_rate=16 * SAMPLE_RATE)
FLAC = Encoding(container="flac", encoder="flac", sample_rate=SAMPLE_RATE, bit_rate=0)


@pytest.fixture
def sound(rng: np.random.Generator) -> audio.Waveform:
    return rng.uniform(-0.9, 0.9, SAMPLE_RATE + 17).astype(np.float32)


@pytest.mark.parametrize("how", [WAV, FLAC], ids=["wav", "flac"])
def test_a_lossless_file_keeps_every_sample_to_its_last_bit(sound: audio.Waveform, how: Encoding) -> None:
    file = io.BytesIO()
    encoding.write(file, sound, SAMPLE_RATE, how)
    file.seek(0)
    back = audio.decode(file, sample_rate=SAMPLE_RATE)
    assert len(back) == len(sound)
    np.testing.assert_allclose(back, sound, rtol=0, atol=1 / 32768 + 1e-6)


def test_a_path_and_an_open_file_get_the_same_bytes(sound: audio.Waveform, tmp_path: Path) -> None:
    file = io.BytesIO()
    encoding.write(file, sound, SAMPLE_RATE, WAV)
    encoding.write(tmp_path / "sound.wav", sound, SAMPLE_RATE, WAV)
    assert (tmp_path / "sound.wav").read_bytes() == file.getvalue()


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_another_rate_in_the_file_keeps_pitch_and_length(rate: int) -> None:
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    how = Encoding(container="wav", encoder="pcm_s16le", sample_rate=rate, bit_rate=16 * rate)
    file = io.BytesIO()
    encoding.write(file, (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32), SAMPLE_RATE, how)
    file.seek(0)
    back = audio.decode(file, sample_rate=rate)
    assert len(back) == pytest.approx(2 * rate, abs=0.01 * rate)
    assert np.argmax(np.abs(np.fft.rfft(back[rate // 2 : rate // 2 + rate]))) == 440


def test_an_encoder_that_does_not_exist_is_named(sound: audio.Waveform) -> None:
    how = Encoding(container="wav", encoder="wax", sample_rate=SAMPLE_RATE, bit_rate=0)
    with pytest.raises(ValueError, match="wax"):
        encoding.write(io.BytesIO(), sound, SAMPLE_RATE, how)
