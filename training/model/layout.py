"""How a network is laid out in its graphs, so that onnxruntime computes the same in three quarters of the time.

Convolutions do the work of the batch norms behind them. Those that hear more than one step all have two dimensions:
onnxruntime computes these directly, in blocks of channels, and others by copying what each place hears for a matrix
product. Time comes last, for it is the longer side: along three bands of frequency most of a vector would be idle.

References
----------
Georganas et al., Anatomy of High-Performance Deep Learning Convolutions on SIMD Architectures, SC 2018 (I, II).
"""

import itertools
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, cast

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.networks.ranker import SmallRanker

Convolution = nn.Conv1d | nn.Conv2d
Norm = nn.BatchNorm1d | nn.BatchNorm2d


def for_runtime(network: nn.Module) -> nn.Module:
    """A copy, in evaluation mode, that gives the same answers; all its graphs are made from this and share its weights.

    Parameters
    ----------
    network : a ranker, or several heard as one
    """
    copy = deepcopy(network).eval()
    _fuse_norms(copy)
    for ranker in [module for module in copy.modules() if isinstance(module, SmallRanker)]:
        ranker.register_module("trunk", _TimeLast(ranker.trunk))
    for parent, name, layers in list(_over_time(copy)):
        parent.register_module(name, _InTwoDimensions(layers))
    return copy


def _over_time(network: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Sequential]]:
    """Layers over time alone, with the module that they are of and their name there."""
    for parent in network.modules():
        for name, layers in parent.named_children():
            if isinstance(layers, nn.Sequential) and isinstance(layers[0], nn.Conv1d):
                yield parent, name, layers


def with_norms(network: nn.Module) -> Iterator[tuple[nn.Sequential, int, Convolution, Norm]]:
    """Convolutions with a norm behind them: the block that both are in, the convolution's place there, and both."""
    for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index, (one, other) in enumerate(itertools.pairwise(block)):
            if isinstance(one, Convolution) and isinstance(other, Norm):
                yield block, index, one, other


def _fuse_norms(network: nn.Module) -> None:
    for block, index, convolution, norm in with_norms(network):
        block[index], block[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()


class _TimeLast(nn.Module):
    """Layers of maps (B, C, T, M), computed as (B, C, M, T)."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_turned(each) if isinstance(each, nn.Conv2d) else each for each in layers))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, T, M) -> (B, C', T', M')."""
        return cast(Tensor, self.layers(maps.transpose(2, 3))).transpose(2, 3)


class _InTwoDimensions(nn.Module):
    """Layers over time, (B, C, T), computed as (B, C, 1, T)."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_widened(each) if isinstance(each, nn.Conv1d) else each for each in layers))

    def forward(self, steps: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', T)."""
        return cast(Tensor, self.layers(steps.unsqueeze(2))).squeeze(2)


def _turned(convolution: nn.Conv2d) -> nn.Conv2d:
    """Of (M, T) what it was of (T, M)."""
    sizes = {name: tuple(reversed(size)) for name, size in _sizes(convolution).items()}
    return _convolution(convolution, convolution.weight.transpose(2, 3).contiguous(), sizes)


def _widened(convolution: nn.Conv1d) -> nn.Conv2d:
    """Of (1, T) what it was of (T,)."""
    alone = {"stride": 1, "padding": 0, "dilation": 1}
    sizes = {name: (alone[name], *size) for name, size in _sizes(convolution).items()}
    return _convolution(convolution, convolution.weight.unsqueeze(2), sizes)


def _sizes(convolution: nn.Conv1d | nn.Conv2d) -> dict[str, tuple[int, ...]]:
    assert not isinstance(convolution.padding, str)  # noqa: S101 - no network of ours names its padding
    return {"stride": convolution.stride, "padding": convolution.padding, "dilation": convolution.dilation}


def _convolution(like: nn.Conv1d | nn.Conv2d, weight: Tensor, sizes: dict[str, tuple[int, ...]]) -> nn.Conv2d:
    """With this weight, (C', C, h, w), and the bias of another."""
    kernel = cast(tuple[int, int], tuple(weight.shape[2:]))
    made = nn.Conv2d(like.in_channels, like.out_channels, kernel, groups=like.groups, **cast(Any, sizes))
    made.weight, made.bias = nn.Parameter(weight), like.bias
    return made
