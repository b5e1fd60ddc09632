"""faceres: its arrays folded by hand; with the real weights, TensorFlow.js's own numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from random_weights import published

from fer_utils.errors import FerError
from fer_utils.models import faceres, pretrained
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store

TFJS = Path(__file__).with_name("faceres_tfjs.json")  # made by faceres_tfjs.mjs


def graph_arrays() -> dict[str, np.ndarray]:
    """Random arrays under the names and in the shapes of the published graph."""
    rng = np.random.default_rng(0)
    shapes = {"age_pred/kernel": (256, 100), "feats/kernel": (1024, 256), "feats/bias": (256,)}
    shapes |= {"conv1/convolution/merged_input": (3, 3, 3, 32), "conv1_bn/batchnorm_1/sub": (32,)}
    inputs = 32
    for number, (outputs, _) in enumerate(faceres.BLOCKS, start=1):
        shapes[f"conv_dw_{number}/depthwise_kernel"] = (3, 3, inputs, 1)
        shapes |= {f"conv_dw_{number}_bn/batchnorm_1/{part}": (inputs,) for part in ("mul", "sub")}
        shapes[f"conv_pw_{number}/convolution/merged_input"] = (1, 1, inputs, outputs)
        shapes[f"conv_pw_{number}_bn/batchnorm_1/sub"] = (outputs,)
        inputs = outputs
    return {name: rng.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}


def write_graph(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    """The arrays as the package has them: float16, one int32; their names in the graph's file."""
    entries = [
        {"name": name, "shape": list(array.shape), "dtype": "float32"}
        | {"quantization": {"dtype": "float16", "original_dtype": "float32"}}
        for name, array in arrays.items()
    ]
    entries.append(
        {"name": "global_pooling/Mean/reduction_indices", "shape": [2], "dtype": "int32"}
    )
    content = b"".join(array.astype("<f2").tobytes() for array in arrays.values())
    path = folder / "faceres.bin"
    path.write_bytes(content + np.array([1, 2], "<i4").tobytes())
    graph = {"format": "graph-model", "weightsManifest": [{"weights": entries}]}
    path.with_suffix(".json").write_text(json.dumps(graph))
    return path


def test_a_file_of_the_graph_is_folded_and_fits(home):
    arrays = graph_arrays()
    store.add("faceres", write_graph(home, arrays))
    tensors = pretrained.load("faceres").tensors
    x = torch.randn(1, 32, 7, 7)
    kernel, scale, bias = (
        torch.tensor(arrays[f"conv_dw_1{part}"].astype(np.float32))
        for part in ("/depthwise_kernel", "_bn/batchnorm_1/mul", "_bn/batchnorm_1/sub")
    )
    kernel = kernel.permute(2, 3, 0, 1)
    expected = F.conv2d(x, kernel, padding=1, groups=32) * scale.view(32, 1, 1)
    folded = tensors["conv_dw_1.weight"], tensors["conv_dw_1.bias"]
    torch.testing.assert_close(
        F.conv2d(x, *folded, padding=1, groups=32), expected + bias.view(32, 1, 1)
    )
    first = torch.tensor(arrays["conv1/convolution/merged_input"].astype(np.float32))
    assert torch.equal(tensors["conv1.weight"][:, 0], first[:, :, 2].permute(2, 0, 1))  # red
    network = Network("faceres", 3, 64, tensors=tensors)
    assert network.stages == ("stem", "stage1", "stage2", "stage3", "stage4", "fc")
    assert [len(network.stage(name)) for name in network.stages] == [6, 8, 8, 24, 8, 4]


def test_another_networks_graph_is_refused(home):
    arrays = graph_arrays()
    del arrays["conv_pw_7/convolution/merged_input"]
    with pytest.raises(FerError, match=r"faceres\.bin: cannot be read as TensorFlow\.js weights"):
        store.add("faceres", write_graph(home, arrays))


def test_images_lose_the_mean_of_vggface2_and_stay_in_0_to_255():
    image = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    rgb = torch.tensor([123.68, 116.779, 103.939]).view(3, 1, 1)
    preprocessed = Network("faceres", 3).preprocess(image)
    torch.testing.assert_close(preprocessed, image - rgb, atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", [224, 97])
def test_real_weights_give_tensorflow_js_numbers(side):
    network = published("faceres")
    row, column = np.mgrid[:side, :side]
    bgr = [row * column * channel // 64 % 256 for channel in (1, 2, 3)]
    image = torch.tensor(np.stack(bgr[::-1]), dtype=torch.uint8)[None]
    network.preprocess.size = side
    with torch.inference_mode():
        maps = network.features(image, len(network.stages) - 1)
    expected = json.loads(TFJS.read_text())["pooled features by side"][str(side)]
    assert sum(value > 0 for value in expected) > 30
    torch.testing.assert_close(maps.mean((2, 3))[0], torch.tensor(expected), atol=2e-5, rtol=1e-4)
