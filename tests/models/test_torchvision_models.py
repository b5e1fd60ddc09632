"""torchvision's networks: cut into stages they compute the same; the real weights' features."""

import pytest
import torch
from random_weights import BACKBONES, real_tensors, square
from sklearn.datasets import load_sample_image
from torchvision import models as torchvision_models

from fer_utils.models.network import Network
from fer_utils.models.registry import MODELS
from fer_utils.models.sources import Torchvision

NAMES = ["resnet18", "efficientnet_b1", "mobilenet_v2"]


@pytest.mark.parametrize("name", NAMES)
def test_cut_into_stages_it_computes_what_torchvision_computes(name):
    reference = getattr(torchvision_models, name)(num_classes=1000).eval()
    body = BACKBONES[name](1000, tensors=reference.state_dict()).eval()
    head = reference.get_submodule(BACKBONES[name].unused[0])
    body[-1][-1].load_state_dict(head.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(body(x), reference(x))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_and_the_size_are_those_of_torchvisions_default_weights(name):
    default = torchvision_models.get_model_weights(name).DEFAULT
    (source,) = [each for each in MODELS[name].weights if isinstance(each, Torchvision)]
    assert source.url == default.url
    assert source.megabytes == pytest.approx(default.meta["_file_size"] * 2**20 / 1e6, abs=0.1)
    transforms = default.transforms()
    architecture = MODELS[name].architecture
    assert (architecture.mean, architecture.std) == (tuple(transforms.mean), tuple(transforms.std))
    assert architecture.native_size in (
        *transforms.crop_size,
        240,
    )  # 240: of EfficientNet-B1's paper


@pytest.mark.parametrize("name", [*NAMES, "resnet18_cntk"])
def test_real_features_tell_pictures_apart_and_a_mirror_image_not(name):
    network = Network(name, 2, tensors=real_tensors(name)).eval()
    pictures = [square(load_sample_image(file)) for file in ("china.jpg", "flower.jpg")]
    with torch.inference_mode():
        china, flower, mirrored = (
            network.body[:-1](network.preprocess(image)).mean((2, 3))
            for image in [*pictures, pictures[0].flip(-1)]
        )
    alike = torch.nn.functional.cosine_similarity
    assert alike(china, mirrored) > 0.9 > 0.7 > alike(china, flower)
