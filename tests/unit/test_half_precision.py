"""Weights in 16 bits: rounded once, stored exactly, and answering as those in 32 bits."""

import copy

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper

from made_networks import settled
from pkai.artifact import INPUT_NAME, OUTPUT_NAMES
from pkai.features import FeatureConfig
from pkai.segments import SegmentConfig
from training.ladder.flaws import FAMILIES
from training.model import export, half_precision, weights
from training.model.export import MeanOfNetworks
from training.networks import pairwise
from training.networks.ranker import NetworkConfig, Ranker

FEATURES, CUT = FeatureConfig(), SegmentConfig()
SIZE = NetworkConfig(kind="apr", channels=(8, 8, 16, 16, 24), hidden=32)
# Words of torch's exporter and of the libraries below it, none of which we can change.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def network() -> Ranker:
    """With running statistics and scales of its own, as training leaves them."""
    torch.manual_seed(7)
    made = settled(pairwise.build(SIZE, len(FAMILIES)))
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                module.weight.uniform_(-0.5, 2.0)
                module.bias.normal_()
    return made


def answers(made: torch.nn.Module, n: int = 3) -> list[torch.Tensor]:
    heard = torch.randn(n, CUT.snippet_frames(FEATURES), FEATURES.n_features, generator=torch.manual_seed(1))
    with torch.no_grad():
        return list(made(heard))


@pytest.fixture(scope="module")
def rounded() -> Ranker:
    made = network()
    half_precision.round_weights(made)
    return made


def test_rounding_hardly_changes_what_a_network_answers(rounded: Ranker) -> None:
    for before, after in zip(answers(network()), answers(rounded), strict=True):
        assert 0 < float((before - after).abs().max()) < 5e-3


def test_rounding_again_changes_nothing_that_is_stored(rounded: Ranker) -> None:
    again = copy.deepcopy(rounded)
    half_precision.round_weights(again)
    large = [name for name, tensor in rounded.named_parameters() if tensor.numel() >= 1024]
    assert large
    for name in large:
        assert torch.equal(again.state_dict()[name], rounded.state_dict()[name]), name


def test_the_graph_of_a_rounded_network_holds_it_in_16_bits_and_answers_the_same(rounded: Ranker) -> None:
    mean = MeanOfNetworks([rounded], [0.5], [2.0]).eval()
    graph = export.to_onnx(mean, FEATURES, CUT)
    model = onnx.load_from_string(graph)
    large = [tensor for tensor in model.graph.initializer if np.prod(tensor.dims) >= 1024]
    assert large and {tensor.data_type for tensor in large} == {TensorProto.FLOAT16}
    heard = torch.randn(3, CUT.snippet_frames(FEATURES), FEATURES.n_features)
    with torch.no_grad():
        wanted = mean(heard)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for one, other in zip(wanted, session.run(OUTPUT_NAMES, {INPUT_NAME: heard.numpy()}), strict=True):
        np.testing.assert_allclose(other, one.numpy(), rtol=0, atol=2e-5)


def test_a_network_that_was_not_rounded_stays_in_32_bits() -> None:
    graph = export.to_onnx(MeanOfNetworks([network()], [0.0], [1.0]).eval(), FEATURES, CUT)
    stored = {tensor.data_type for tensor in onnx.load_from_string(graph).graph.initializer}
    assert TensorProto.FLOAT in stored and TensorProto.FLOAT16 not in stored


def test_a_rounded_network_is_packed_into_half_the_bytes_and_comes_back_as_it_was(rounded: Ranker) -> None:
    mean = MeanOfNetworks([rounded], [0.5], [2.0]).eval()
    packed = weights.pack(mean, SIZE)
    assert len(packed) < 0.7 * len(weights.pack(MeanOfNetworks([network()], [0.5], [2.0]), SIZE))
    again, _ = weights.unpack(packed)
    for name, tensor in rounded.state_dict().items():
        found = again.networks[0].state_dict()[name]
        assert found.dtype == tensor.dtype and torch.equal(found, tensor), name


def test_widening_gives_the_weights_back() -> None:
    held = np.linspace(-4, 4, 2048, dtype=np.float16).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "w"], ["y"])],
        "product",
        [onnx.helper.make_tensor_value_info("x", TensorProto.FLOAT, [2048])],
        [onnx.helper.make_tensor_value_info("y", TensorProto.FLOAT, [2048])],
        [numpy_helper.from_array(held, "w")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", export.OPSET)])
    before = copy.deepcopy(model)
    half_precision.store_halved(model)
    onnx.checker.check_model(model)
    assert model.ByteSize() < 0.6 * before.ByteSize()
    half_precision.widen(model)
    assert model == before


@given(st.floats(min_value=2.0**-14, max_value=65504.0, width=16), st.floats(min_value=-9e-7, max_value=9e-7))
def test_what_16_bits_hold_is_found_despite_the_rounding_of_arithmetic(value: float, error: float) -> None:
    half = half_precision.halved(np.full(1024, value * (1 + error), np.float32))
    assert half is not None and half.dtype == np.float16 and np.all(half == np.float16(value))


@pytest.mark.parametrize(
    "weights_", [np.full(1024, 1 / 3), np.full(1024, 1e6), np.full(1023, 0.5)], ids=["odd", "too large", "few"]
)
def test_what_16_bits_do_not_hold_or_what_is_small_is_left_alone(weights_: np.ndarray) -> None:
    assert half_precision.halved(weights_.astype(np.float32)) is None
