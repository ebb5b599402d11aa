"""Audio files of our own making: what phones, browsers and people send."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

import av

from pkai.audio import Waveform


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """A file format.

    Attributes
    ----------
    container, encoder : FFmpeg's names
    sample_rate : Hz, in the file
    bit_rate : bit/s
    options : of the encoder
    """

    container: str
    encoder: str
    sample_rate: int
    bit_rate: int
    options: dict[str, str] = field(default_factory=dict)


def write(file: Path | IO[bytes], waveform: Waveform, sample_rate: int, encoding: Encoding) -> None:
    """Encode a recording, to the same bytes each time.

    Parameters
    ----------
    file : to write to
    waveform : (n,) float32 mono, within -1..1
    sample_rate : Hz, of the waveform
    encoding : of the file
    """
    # Without bitexact, Ogg and WebM draw random stream numbers.
    target = str(file) if isinstance(file, Path) else file
    with av.open(target, "w", format=encoding.container, options={"fflags": "+bitexact"}) as out:
        stream = cast(
            av.AudioStream,
            out.add_stream(encoding.encoder, rate=encoding.sample_rate, layout="mono", options=encoding.options),
        )
        stream.bit_rate = encoding.bit_rate
        frame = av.AudioFrame.from_ndarray(waveform[None, :], format="fltp", layout="mono")
        frame.sample_rate = sample_rate
        resampler = av.AudioResampler(stream.format, "mono", stream.rate, frame_size=stream.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
