"""A recording condition colours the sound; it neither cuts it, nor clips it, nor moves it in time."""

import dataclasses

import numpy as np
import pytest

from pkai.audio import Waveform
from training.sound import conditions
from training.sound.conditions import PHONE, Conditions, coded, record

SAMPLE_RATE = 22_050
CLEAN = Conditions(noise_db=120.0)


def tone(hz: float, *, seconds: float = 2.0, sample_rate: int = SAMPLE_RATE) -> Waveform:
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.4 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def band_db(sound: Waveform, low_hz: float, high_hz: float, sample_rate: int = SAMPLE_RATE) -> float:
    """Mean power between two frequencies."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / sample_rate)
    return float(10 * np.log10(power[(hz >= low_hz) & (hz < high_hz)].mean()))


def level(sound: Waveform, from_s: float, to_s: float) -> float:
    """Root mean square between two moments."""
    return float(np.sqrt(np.mean(sound[round(from_s * SAMPLE_RATE) : round(to_s * SAMPLE_RATE)] ** 2)))


@pytest.mark.parametrize("seed", range(24))
def test_whatever_is_drawn_keeps_the_length_and_the_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = conditions.draw(rng)
    sound = tone(330.0)
    recorded = record(sound, SAMPLE_RATE, drawn, rng)
    assert recorded.dtype == np.float32 and np.isfinite(recorded).all()
    if drawn.codec:  # it pads the ends, and its decoder may overshoot a little
        assert abs(len(recorded) - len(sound)) < 0.12 * SAMPLE_RATE
        assert np.abs(recorded).max() <= 1.3 * drawn.peak
    else:
        assert len(recorded) == len(sound)
        assert np.abs(recorded).max() == pytest.approx(drawn.peak, rel=1e-5)


def test_draws_reach_rooms_codecs_and_neither() -> None:
    drawn = [conditions.draw(np.random.default_rng(seed)) for seed in range(200)]
    assert {each.codec for each in drawn} == {"", "mp3", "opus", "aac"}
    assert 0.6 < np.mean([each.reverb_s > 0 for each in drawn]) < 0.9
    assert all(each.low_cut_hz < each.high_cut_hz and 0 < each.peak < 1 for each in drawn)


@pytest.mark.parametrize("codec", ["", "opus"])
def test_the_same_seed_makes_the_same_recording(codec: str) -> None:
    how = Conditions(reverb_s=0.5, reverb_share=0.3, noise_db=30.0, codec=codec)
    first, second, other = (record(tone(330.0), SAMPLE_RATE, how, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_clean_recording_is_the_sound_itself_at_another_level() -> None:
    sound = tone(440.0)
    recorded = record(sound, SAMPLE_RATE, CLEAN, np.random.default_rng(0))
    inside = slice(SAMPLE_RATE // 4, -SAMPLE_RATE // 4)  # at its ends the microphone's filter rings
    assert np.abs(recorded / 0.7 - sound / 0.4)[inside].max() < 0.03


def test_a_phone_really_cuts_the_band(rng: np.random.Generator) -> None:
    sample_rate = 44_100
    white = (0.1 * rng.standard_normal(2 * sample_rate)).astype(np.float32)
    recorded = record(white, sample_rate, dataclasses.replace(PHONE, noise_db=90.0), rng)
    middle = band_db(recorded, 800, 2000, sample_rate)
    assert band_db(recorded, 30, 80, sample_rate) < middle - 15
    assert band_db(recorded, 9000, 11_000, sample_rate) < middle - 15
    assert band_db(recorded, 3000, 4000, sample_rate) > middle - 6


@pytest.mark.parametrize(("levelling", "left_db"), [(0.0, 20.0), (0.5, 10.0), (0.8, 4.0)])
def test_an_automatic_gain_takes_its_share_of_the_differences_in_level(levelling: float, left_db: float) -> None:
    loud, soft = tone(330.0, seconds=6.0), 0.1 * tone(330.0, seconds=6.0)
    how = dataclasses.replace(CLEAN, levelling=levelling)
    recorded = record(np.concatenate([loud, soft]), SAMPLE_RATE, how, np.random.default_rng(0))
    left = level(recorded, 4.0, 5.0) / level(recorded, 10.0, 11.0)
    assert 20 * np.log10(left) == pytest.approx(left_db, abs=0.5)


def test_an_automatic_gain_follows_loud_tones_at_once_and_soft_ones_slowly() -> None:
    soft, loud = 0.1 * tone(330.0, seconds=4.0), tone(330.0, seconds=4.0)
    how = dataclasses.replace(CLEAN, levelling=0.8)
    rises = record(np.concatenate([soft, loud]), SAMPLE_RATE, how, np.random.default_rng(0))
    falls = record(np.concatenate([loud, soft]), SAMPLE_RATE, how, np.random.default_rng(0))
    assert level(rises, 4.2, 4.3) == pytest.approx(level(rises, 7.0, 7.1), rel=0.1)
    assert level(falls, 4.2, 4.3) < 0.5 * level(falls, 7.0, 7.1)


def test_silence_under_an_automatic_gain_stays_silence() -> None:
    how = dataclasses.replace(CLEAN, levelling=0.8)
    assert not record(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, how, np.random.default_rng(0)).any()


@pytest.mark.parametrize(("tilt_db", "wanted"), [(-8.0, -4.0), (0.0, 0.0), (8.0, 4.0)])
def test_a_tilt_lifts_the_treble_against_the_bass(rng: np.random.Generator, tilt_db: float, wanted: float) -> None:
    white = (0.1 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    recorded = record(white, SAMPLE_RATE, dataclasses.replace(CLEAN, tilt_db=tilt_db), rng)
    # Four octaves between the bands, of the eight over which the whole tilt is spread.
    difference = band_db(recorded, 3900, 4100) - band_db(recorded, 240, 260)
    flat = band_db(white, 3900, 4100) - band_db(white, 240, 260)
    assert difference - flat == pytest.approx(wanted, abs=0.3)


@pytest.mark.parametrize("noise_db", [20.0, 40.0])
def test_noise_lies_as_far_below_the_playing_as_asked_for(noise_db: float) -> None:
    for seed in range(6):
        recorded = record(tone(440.0), SAMPLE_RATE, Conditions(noise_db=noise_db), np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(recorded)) ** 2
        at = int(np.argmax(power))
        signal = power[at - 2 : at + 3].sum()
        assert 10 * np.log10(signal / (power.sum() - signal)) == pytest.approx(noise_db, abs=1.0)


def test_a_room_rings_on_for_its_time_and_never_before_the_sound() -> None:
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[SAMPLE_RATE // 4] = 1.0
    how = Conditions(reverb_s=0.5, reverb_share=0.5, low_cut_hz=1.0, noise_db=160.0)
    recorded = record(click, SAMPLE_RATE, how, np.random.default_rng(0))
    at = int(np.argmax(np.abs(recorded)))
    assert at == SAMPLE_RATE // 4
    assert np.abs(recorded[: at - SAMPLE_RATE // 20]).max() < 1e-3
    tail = recorded[at + SAMPLE_RATE // 100 :].astype(float)
    left_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / (tail**2).sum())  # Schroeder's backward integral
    fallen = int(np.argmax(left_db < -30)) / SAMPLE_RATE
    assert fallen == pytest.approx(0.25, rel=0.15)  # half of the time for half of the 60 dB


def test_a_limiter_squeezes_harder_the_harder_it_is_driven() -> None:
    loudness = np.linspace(0.05, 1.0, 2 * SAMPLE_RATE, dtype=np.float32)
    crests = []
    for drive in (0.0, 0.7, 2.0):
        recorded = record(tone(440.0) * loudness, SAMPLE_RATE, dataclasses.replace(CLEAN, drive=drive),
                          np.random.default_rng(0))  # fmt: skip
        crests.append(float(np.abs(recorded).max() / np.sqrt(np.mean(recorded**2))))
    assert crests == sorted(crests, reverse=True) and crests[0] > crests[-1] + 0.3


def test_silence_stays_silent() -> None:
    how = Conditions(reverb_s=0.5, reverb_share=0.3, drive=1.0)
    recorded = record(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, how, np.random.default_rng(0))
    assert np.abs(recorded).max() < 1e-3


@pytest.mark.parametrize("codec", ["mp3", "opus", "aac"])
def test_a_codec_keeps_a_tone_in_pitch_level_and_time(codec: str) -> None:
    sound = tone(440.0)
    sound[: SAMPLE_RATE // 2] = 0.0
    back = coded(sound, SAMPLE_RATE, codec, 64_000)
    middle = back[SAMPLE_RATE : SAMPLE_RATE + SAMPLE_RATE // 2]
    assert 2 * np.argmax(np.abs(np.fft.rfft(middle))) == 440
    assert float(np.sqrt(np.mean(middle**2))) == pytest.approx(0.4 / np.sqrt(2), rel=0.1)
    onset = int(np.argmax(np.abs(back) > 0.2)) / SAMPLE_RATE
    assert onset == pytest.approx(0.5, abs=0.07)
