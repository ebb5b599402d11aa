"""The reference design: judge a recording as the original P-KAI does, with torch, librosa and a ResNet-18.

The whole file is loaded at 22,050 Hz, its mel spectrogram cut into snippets of half a second, each snippet scaled to
an image of 3 x 224 x 224 and shown to a ResNet-18, batch by batch; the mean over all snippets is the score.

Differences: weights are random, for only time and memory count here. One pass of `librosa.load` replaces the original's
seek for every snippet, which favours the reference. Batches hold 16 snippets, as in most of the original's
configurations; its last version has 128, which are no faster and take more than twice the memory. The last, incomplete
batch is scored and not dropped.

References
----------
He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385).
"""

import argparse
import json
import sys
import time

import librosa
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 22_050
N_FFT = 2048
HOP_LENGTH = 512
N_MELS = 128
FMIN, FMAX = 20, 8300
TOP_DB = 80
SNIPPET_S = 0.5
IMAGE_SIZE = 224
BATCH_SIZE = 16


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_in, H, W) -> (B, n_out, H / stride, W / stride)."""
        return functional.relu(self.body(x) + self.shortcut(x))


def resnet18() -> nn.Module:
    """ResNet-18 with one output: (B, 3, 224, 224) images -> (B, 1) scores."""
    widths = (64, 64, 64, 128, 128, 256, 256, 512, 512)
    strides = (1, 1, 2, 1, 2, 1, 2, 1)
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *(BasicBlock(*shape) for shape in zip(widths[:-1], widths[1:], strides, strict=True)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 1),
    )


class ReferenceJudge:
    """A ResNet-18 with random weights, ready to score recordings."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = resnet18().eval()

    def score(self, path: str) -> float:
        """Mean score over all snippets of a recording, the last one padded with silence."""
        snippets = _snippets(path)
        with torch.no_grad():
            scores = [self.network(_images(batch)) for batch in torch.split(snippets, BATCH_SIZE)]
        return float(torch.cat(scores).mean())


def _snippets(path: str) -> Tensor:
    """Mel spectrogram in dB, cut into snippets: (K, M, T)."""
    waveform, _ = librosa.load(path, sr=SAMPLE_RATE)
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=SAMPLE_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS, fmin=FMIN, fmax=FMAX
    )
    level_db = librosa.power_to_db(mel, ref=np.max, top_db=TOP_DB)
    n_frames = int(SNIPPET_S * SAMPLE_RATE / HOP_LENGTH)
    missing = -level_db.shape[1] % n_frames
    padded = functional.pad(torch.from_numpy(level_db), (0, missing), value=-float(TOP_DB))
    return padded.reshape(N_MELS, -1, n_frames).transpose(0, 1)


def _images(snippets: Tensor) -> Tensor:
    """Standardised snippets as images of three equal channels: (B, M, T) -> (B, 3, H, W)."""
    mean = snippets.mean(dim=(1, 2), keepdim=True)
    std = snippets.std(dim=(1, 2), keepdim=True)
    standardised = ((snippets - mean) / (std + 1e-6)).unsqueeze(1)
    images = functional.interpolate(standardised, size=(IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", align_corners=False)
    return images.expand(-1, 3, -1, -1)


def main(argv: list[str] | None = None) -> int:
    """Print the score of a recording as JSON, with how long each of `--repeat` assessments took."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reference_design", description="score as the original does"
    )
    parser.add_argument("file", help="recording")
    parser.add_argument("--repeat", type=int, default=1, help="score so often in this process (default: %(default)s)")
    args = parser.parse_args(argv)
    judge = ReferenceJudge()
    seconds = []
    for _ in range(args.repeat):
        start = time.perf_counter()
        score = judge.score(args.file)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"score": score, "seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
