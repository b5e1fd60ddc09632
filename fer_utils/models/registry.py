"""Every network by name."""

from fer_utils.errors import one_of
from fer_utils.models.backbone import (
    DLIB,
    HALF,
    IMAGENET,
    TOP,
    VGGFACE,
    Backbone,
    _cut_at,
    _cut_face_resnet,
    _cut_lite,
    _cut_resnet,
    _of_torchvision,
)
from fer_utils.models.cnn import CNN
from fer_utils.models.efficientnet_lite import efficientnet_lite
from fer_utils.models.face_resnet import face_resnet
from fer_utils.models.small_resnet import SmallResNet
from fer_utils.models.timm_models import find_timm
from fer_utils.models.vggface import (
    cut_convolutions,
    cut_vggface,
    vggface,
    vggface_convolutions,
)

RESNET18 = Backbone(_of_torchvision("resnet18"), _cut_resnet, 224, **IMAGENET)
CLASSIFIER = {
    "unused": ("classifier.1",)
}  # where the head stands in networks of the MobileNet family
BACKBONES = {
    "resnet18": RESNET18,
    "resnet18_scratch": RESNET18,
    "efficientnet_b1": Backbone(
        _of_torchvision("efficientnet_b1"), _cut_at(0, 2, 3, 4, 6), 240, **IMAGENET, **CLASSIFIER
    ),
    "mobilenet_v2": Backbone(
        _of_torchvision("mobilenet_v2"), _cut_at(0, 2, 4, 7, 14), 224, **IMAGENET, **CLASSIFIER
    ),
    "efficientnet_lite0": Backbone(
        lambda: efficientnet_lite(1.0), _cut_lite, 224, **HALF, **CLASSIFIER
    ),
    "efficientnet_lite1": Backbone(
        lambda: efficientnet_lite(1.1), _cut_lite, 240, **HALF, **CLASSIFIER
    ),
    "face_resnet": Backbone(face_resnet, _cut_face_resnet, 150, **DLIB, sizes=(103, 1024)),
    "vggface": Backbone(vggface, cut_vggface, 224, **VGGFACE, sizes=(224, 224), unused=("fc8",)),
    "vggface_notop": Backbone(vggface_convolutions, cut_convolutions, 224, **VGGFACE, unused=TOP),
}
MODELS = {"cnn": CNN, "small_resnet": SmallResNet} | BACKBONES


def check_model(name: str, size: int | None = None) -> None:
    """Raises FerError for a name that is neither in MODELS nor of the form timm:<name>, or a size out of range."""
    if not name.startswith("timm:"):
        one_of(name, [*MODELS, "timm:<name>"], "model")
    if name in BACKBONES:
        BACKBONES[name].check_size(size)


def find_backbone(name: str):
    """A Backbone by name, or timm's for `timm:<name>`. Raises FerError for an unknown name, or without timm."""
    if name.startswith("timm:"):
        return find_timm(name.removeprefix("timm:"))
    return BACKBONES[one_of(name, BACKBONES, "backbone")]


MODEL_NAMES = {
    "cnn": "CNN",
    "resnet18": "ResNet18",
    "resnet18_scratch": "ResNet18, random weights",
    "efficientnet_b1": "EfficientNet-B1",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "mobilenet_v2": "MobileNetV2",
    "vggface": "VGGFace",
    "face_resnet": "face ResNet (dlib)",
    "small_resnet": "small ResNet",
}
