from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("litert_torch", reason="exporting needs litert-torch: pip install 'squatlight[convert]'")
pytest.importorskip("ai_edge_quantizer", reason="quantizing needs ai-edge-quantizer: pip install 'squatlight[convert]'")

import torch
from torch import nn
from toys.blob import Blob, Deployed, Net

from convert import graphs, runtimes, start
from convert.nets.surface import Block, convolution
from convert.recipe import Quantize
from device.errors import InputError, PartFailed
from device.inference.tflite import Model

OUTPUTS = ("place", "right")


@pytest.fixture(scope="module")
def floating(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A float graph of a small network, and inputs."""
    images = np.random.default_rng(1).uniform(0, 1, (40, 12, 12, 1)).astype(np.float32)
    images *= np.linspace(0.2, 2, 40, dtype=np.float32)[:, None, None, None]
    path = tmp_path_factory.mktemp("graphs") / "toy.tflite"
    graphs.export(network(), images, OUTPUTS, path)
    return path, images


def network() -> Deployed:
    torch.manual_seed(3)
    net = Blob(Net())
    with torch.no_grad():
        net.side.weight *= 20  # outputs of some size, as a trained network has
    return Deployed(net).eval()


def test_the_graph_computes_what_pytorch_does_under_the_task_s_names(floating) -> None:
    path, images = floating
    with Model(path) as model, torch.no_grad():
        found = model(images[5][None])
        wanted = dict(zip(OUTPUTS, network()(torch.as_tensor(images[5][None])), strict=True))
    assert set(found) == set(OUTPUTS)
    for name in OUTPUTS:
        np.testing.assert_allclose(found[name], wanted[name].numpy(), atol=1e-5)


def test_a_network_takes_the_weights_of_its_graph_and_can_train_on(tmp_path: Path) -> None:
    """Of convolutions without a bias of their own, one of them depthwise: what export has folded is unfolded."""

    def fresh(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        layers = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()]
        layers += [nn.Conv2d(4, 4, 3, groups=4, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2)]
        for norm in (layers[1], layers[4]):
            for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
        return One(nn.Sequential(*layers)).eval()

    inputs = np.random.default_rng(1).uniform(0, 1, (40, 3, 8, 8)).astype(np.float32)
    net, other = fresh(1), fresh(2)
    graphs.export(net, inputs, ("out",), tmp_path / "net.tflite")
    start.take(other, tmp_path / "net.tflite", inputs, ("out",))
    with torch.no_grad():
        (wanted,), (found,) = net(torch.as_tensor(inputs)), other(torch.as_tensor(inputs))
        (trained,) = other.train()(torch.as_tensor(inputs))  # which normalizes by these very inputs
    assert float(wanted.std()) > 0.05
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(trained, wanted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("had", "mix"), [((0, 0), "full"), ((1, 0), "full"), ((0, 1), "depthwise"), ((2, 1), "full")])
def test_blocks_that_the_graph_does_not_have_begin_by_adding_nothing(tmp_path: Path, had, mix: str) -> None:
    """Also where the layer that follows has the shape of a block's first: the last one of `far`."""

    def fresh(near: int, far: int, seed: int) -> nn.Module:
        torch.manual_seed(seed)
        parts = [convolution(3, 8, 3), nn.ReLU(), *(Block(8, mix) for _ in range(near))]
        parts += [convolution(8, 16, 3), nn.ReLU(), *(Block(16, mix) for _ in range(far)), convolution(16, 8, 1)]
        net = One(nn.Sequential(*parts, nn.ReLU(), Block(8, mix)))
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0  # one batch says what it normalizes by
        net(torch.as_tensor(inputs))
        return net.eval()

    inputs = np.random.default_rng(1).uniform(0, 1, (40, 3, 8, 8)).astype(np.float32)
    net, grown = fresh(*had, 1), fresh(2, 3, 2)
    graphs.export(net, inputs, ("out",), tmp_path / "net.tflite")
    with pytest.raises(InputError, match=r"no weights of this network|differs with its weights"):
        start.take(fresh(2, 3, 2), tmp_path / "net.tflite", inputs, ("out",))
    assert start.take(grown, tmp_path / "net.tflite", inputs, ("out",), grow=True) == 5 - sum(had)
    with torch.no_grad():
        (wanted,), (found,) = net(torch.as_tensor(inputs)), grown(torch.as_tensor(inputs))
    assert float(wanted.std()) > 0.05
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    grown.train()(torch.as_tensor(inputs))[0].sum().backward()
    new = [block for block in grown.modules() if isinstance(block, Block) and not block.path[-1][1].weight.any()]
    assert len(new) == 5 - sum(had)
    assert all(block.path[-1][1].weight.grad.abs().max() > 1e-3 for block in new)


def test_a_graph_with_more_blocks_than_the_network_is_refused(tmp_path: Path) -> None:
    inputs = np.random.default_rng(1).uniform(0, 1, (4, 8, 8, 8)).astype(np.float32)
    net, smaller = (One(nn.Sequential(*(Block(8, "full") for _ in range(count)))).eval() for count in (2, 1))
    graphs.export(net, inputs, ("out",), tmp_path / "net.tflite")
    with pytest.raises(InputError, match="has more layers than this network"):
        start.take(smaller, tmp_path / "net.tflite", inputs, ("out",))


class Standard(nn.Module):
    """A network that standardizes its input; it gives out its first `channels` channels, the last axis."""

    def __init__(self, mean: float, deviation: float, channels: int, border: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, 1, 1), mean))
        self.register_buffer("deviation", torch.full((3, 1, 1), deviation))
        self.layer, self.channels = nn.Conv2d(3, 5, 1, padding=border), channels

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor]:
        out = self.layer((inputs.permute(0, 3, 1, 2) - self.mean) / self.deviation)
        return (out[:, : self.channels].permute(0, 2, 3, 1),)


@pytest.mark.parametrize(("border", "wanted"), [(1, (0.3, 0.2)), (0, (0.0, 1.0))])
def test_a_network_standardizes_by_what_its_graph_does_and_may_give_out_more(tmp_path: Path, border, wanted) -> None:
    """Without a border exporting puts the standardizing into the first weights."""
    inputs = np.random.default_rng(1).uniform(0, 1, (8, 6, 6, 3)).astype(np.float32)
    net, other = Standard(0.3, 0.2, 2, border).eval(), Standard(0.5, 2.0, 5, border).eval()
    graphs.export(net, inputs, ("out",), tmp_path / "net.tflite")
    start.take(other, tmp_path / "net.tflite", inputs, ("out",))
    assert other.mean.flatten().tolist() == pytest.approx([wanted[0]] * 3)
    assert other.deviation.flatten().tolist() == pytest.approx([wanted[1]] * 3)
    net.channels = 5
    with torch.no_grad():
        both = (one(torch.as_tensor(inputs))[0] for one in (other, net))
        torch.testing.assert_close(*both, atol=1e-4, rtol=1e-4)
    assert (graphs.standardizing(tmp_path / "net.tflite") is not None) == bool(border)


class One(nn.Module):
    """A network with one output, as they are exported."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.net(inputs),)


def test_a_network_with_another_number_of_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="has 2 outputs, expected place"):
        graphs.export(network(), np.zeros((1, 12, 12, 1)), ("place",), tmp_path / "toy.tflite")


@pytest.mark.parametrize(
    ("told", "dtypes"),
    [
        (Quantize("static"), {"input": "int8", "place": "int8", "right": "int8"}),
        (Quantize("static", ("^place",)), {"input": "int8", "place": "float32", "right": "float32"}),
        (Quantize("convolutions"), {"input": "float32", "place": "float32", "right": "float32"}),
        (Quantize("weights"), {"input": "float32", "place": "float32", "right": "float32"}),
        (Quantize("float"), {"input": "float32", "place": "float32", "right": "float32"}),
    ],
    ids=["static", "static but for one", "convolutions", "weights", "float"],
)
def test_each_way_of_quantizing_keeps_names_and_values_in_both_runtimes(floating, tmp_path, told, dtypes) -> None:
    path, images = floating
    small = tmp_path / "small.tflite"
    graphs.quantize(path, told, images, small)
    interface = graphs.interface(small)
    assert {one["name"]: one["dtype"] for one in interface["inputs"] + interface["outputs"]} == dtypes
    assert ("scale" in interface["inputs"][0]) == (dtypes["input"] == "int8")
    with Model(path) as whole, Model(small) as model:
        wanted = [whole(image[None]) for image in images]
        found = [model(image[None]) for image in images]
    for name in OUTPUTS:
        spread = np.ptp([one[name] for one in wanted])
        assert spread > 0.05
        apart = np.abs([a[name] - b[name] for a, b in zip(wanted, found, strict=True)]).max()
        assert apart < 0.05 * spread, (name, spread)
    python, why_not = runtimes.older_python()
    if python is None:
        pytest.skip(why_not)
    with runtimes.OlderModel(small, python) as older:
        assert older.output_shapes == {"place": (1, 2), "right": (1, 1)}
        for image, newer in zip(images[::13], found[::13], strict=True):
            answer = older(image[None])
            for name in OUTPUTS:
                np.testing.assert_allclose(answer[name], newer[name], atol=0.01 * np.ptp([one[name] for one in wanted]))


def values_in_int8(path: Path) -> dict[str, bool]:
    """Of each kind of operation whether it takes and gives int8 values, all of that kind alike."""
    schema, model = graphs._parse(path)
    graph, names = model.subgraphs[0], {value: name for name, value in vars(schema.BuiltinOperator).items()}
    found: dict[str, set[bool]] = {}
    for operator in graph.operators:
        for i in (operator.inputs[0], operator.outputs[0]):
            int8 = graph.tensors[i].type == schema.TensorType.INT8
            found.setdefault(names[graphs._code(model, operator)], set()).add(int8)
    return {name: values == {True} for name, values in found.items() if name not in ("QUANTIZE", "DEQUANTIZE")}


@pytest.mark.parametrize("mode", ["static", "convolutions", "weights"])
def test_int8_convolutions_leave_sums_and_linear_layers_float(tmp_path: Path, mode: str) -> None:
    torch.manual_seed(2)
    parts = [nn.Conv2d(3, 8, 3), nn.ReLU(), Block(8, "full"), Block(8, "depthwise"), nn.Flatten(), nn.Linear(288, 2)]
    inputs = np.random.default_rng(1).uniform(0, 1, (20, 3, 8, 8)).astype(np.float32)
    graphs.export(One(nn.Sequential(*parts)).eval(), inputs, ("out",), tmp_path / "net.tflite")
    graphs.quantize(tmp_path / "net.tflite", Quantize(mode), inputs, tmp_path / "small.tflite")
    found = values_in_int8(tmp_path / "small.tflite")
    convolutions, others = mode in ("static", "convolutions"), mode == "static"
    assert found["CONV_2D"] == found["DEPTHWISE_CONV_2D"] == convolutions
    assert found["ADD"] == found["FULLY_CONNECTED"] == others


@pytest.mark.parametrize("words", ["nowhere", "^CONV", "^place$"])
def test_a_pattern_that_finds_no_operation_is_refused(floating, tmp_path: Path, words: str) -> None:
    path, images = floating
    assert any(line.endswith(" place;") for line in graphs.layers(path))
    with pytest.raises(InputError, match=r"quantize\.keep_float: '.*' finds no operation"):
        graphs.quantize(path, Quantize("static", ("^place", words)), images, tmp_path / "small.tflite")
    assert not (tmp_path / "small.tflite").exists()


def test_int8_convolutions_are_refused_where_there_are_none(tmp_path: Path) -> None:
    inputs = np.zeros((1, 4), np.float32)
    graphs.export(One(nn.Linear(4, 2)), inputs, ("out",), tmp_path / "net.tflite")
    with pytest.raises(InputError, match="but there is none"):
        graphs.quantize(tmp_path / "net.tflite", Quantize("convolutions"), inputs, tmp_path / "small.tflite")


@pytest.mark.parametrize(("words", "why"), [(".", "keep_float names all"), ("^place", "finds no operation")])
def test_what_int8_convolutions_keep_float_are_some_of_the_convolutions(floating, tmp_path, words, why) -> None:
    path, images = floating
    with pytest.raises(InputError, match=why):
        graphs.quantize(path, Quantize("convolutions", (words,)), images, tmp_path / "small.tflite")


def test_dynamic_range_is_refused(floating, tmp_path: Path) -> None:
    from ai_edge_quantizer import quantizer, recipe

    path, _ = floating
    hybrid = tmp_path / "hybrid.tflite"
    quantizer.Quantizer(str(path), recipe.dynamic_wi8_afp32()).quantize().export_model(str(hybrid))
    with pytest.raises(PartFailed, match=r"int8 weights and float values \(dynamic range\)"):
        graphs.refuse_dynamic(hybrid)
    graphs.refuse_dynamic(path)


def test_what_the_older_runtime_does_not_run_is_told(tmp_path: Path) -> None:
    python, why_not = runtimes.older_python()
    if python is None:
        pytest.skip(why_not)
    (tmp_path / "none.tflite").write_bytes(b"no graph")
    with pytest.raises(PartFailed, match=r"tflite-runtime does not run it \(it says: .*not a TFLite model"):
        runtimes.OlderModel(tmp_path / "none.tflite", python)
