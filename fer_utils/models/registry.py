"""Every network by name, one entry for each. The order of `MODELS` is that of rows in tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from fer_utils.errors import one_of
from fer_utils.models import sources
from fer_utils.models.architecture import Architecture
from fer_utils.models.backbone import Backbone
from fer_utils.models.cnn import CNN
from fer_utils.models.cnn_readings import (
    ImageNetCNN,
    LateDropoutCNN,
    LiteralCNN,
    OnePoolCNN,
    OneReLUCNN,
    UnnormalisedCNN,
)
from fer_utils.models.cntk import RESNET18_CNTK, RESNET18_CNTK_WHOLE
from fer_utils.models.efficientnet_lite import EFFICIENTNET_LITE0, EFFICIENTNET_LITE1
from fer_utils.models.face_resnet import FACE_RESNET
from fer_utils.models.faceres import FACERES
from fer_utils.models.small_resnet import SmallResNet
from fer_utils.models.timm_models import find_timm
from fer_utils.models.torchvision_models import EFFICIENTNET_B1, MOBILENET_V2, RESNET18
from fer_utils.models.vggface import VGGFACE, VGGFACE_NOTOP

TIMM = "timm:"  # how the names of timm's networks begin, which need no entry


@dataclass(frozen=True)
class Model:
    """What there is to know of a network.

    Attributes
    ----------
    name : in experiments and files.
    display_name : in tables and figures.
    architecture : its class, or a `Backbone`, which cuts a public network into stages.
    weights : where its public weights are, each with its licence, in the order in which they are
        tried; (): no one publishes them for download, so a file has to be given; None: it starts
        from random weights.
    """

    name: str
    display_name: str
    architecture: Architecture
    weights: tuple[sources.PublicSource, ...] | None = None


MODELS = {
    model.name: model
    for model in (
        Model("cnn", "CNN", CNN),
        # other readings of report A's text
        Model("cnn_one_pool", "CNN, one pooling", OnePoolCNN),
        Model("cnn_one_relu", "CNN, one ReLU", OneReLUCNN),
        Model("cnn_literal", "CNN, one pooling, one ReLU", LiteralCNN),
        Model("cnn_late_dropout", "CNN, dropout behind the 512 units", LateDropoutCNN),
        Model("cnn_unnormalised", "CNN, images in 0..1", UnnormalisedCNN),
        Model("cnn_imagenet", "CNN, ImageNet's normalisation", ImageNetCNN),
        Model("resnet18", "ResNet18", RESNET18, (sources.RESNET18,)),
        Model("resnet18_cntk", "ResNet18 (CNTK weights)", RESNET18_CNTK, (sources.CNTK,)),
        Model("resnet18_cntk_whole", "ResNet18 (CNTK, 9 blocks)", RESNET18_CNTK_WHOLE, weights=()),
        # the same architecture under a name of its own: None, where others have sources, is what
        # makes it start from random weights
        Model("resnet18_scratch", "ResNet18, random weights", RESNET18),
        Model("efficientnet_b1", "EfficientNet-B1", EFFICIENTNET_B1, (sources.EFFICIENTNET_B1,)),
        Model("efficientnet_lite0", "EfficientNet-Lite0", EFFICIENTNET_LITE0, (sources.LITE0,)),
        Model("efficientnet_lite1", "EfficientNet-Lite1", EFFICIENTNET_LITE1, (sources.LITE1,)),
        Model("mobilenet_v2", "MobileNetV2", MOBILENET_V2, sources.MOBILENET_V2),
        # its publisher's page asks for research use only; no package has it
        Model("vggface", "VGGFace", VGGFACE, weights=()),
        Model("vggface_notop", "VGGFace, convolutions alone", VGGFACE_NOTOP, weights=()),
        Model("face_resnet", "face ResNet (dlib)", FACE_RESNET, (sources.FACE_API,)),
        Model("faceres", "MobileNetV1, face identity (faceres)", FACERES, (sources.FACERES,)),
        Model("small_resnet", "small ResNet", SmallResNet),
    )
}


def find_model(name: str) -> Model:
    """A network by name; `timm:<name>` is any of timm's.

    Raises FerError for an unknown name, and where timm is asked for and not installed.
    """
    if name.startswith(TIMM):
        return Model(name, name, find_timm(name.removeprefix(TIMM)), weights_of(name))
    return MODELS[one_of(name, [*MODELS, f"{TIMM}<name>"], "model")]


def check_model(name: str, size: int | None = None) -> None:
    """Checks a name, and a side in pixels, without building a network or importing timm.

    Raises FerError for an unknown name and for a size that a public network does not take.
    """
    if name.startswith(TIMM):
        return
    architecture = find_model(name).architecture
    if isinstance(architecture, Backbone):
        architecture.check_size(size)


def weights_of(name: str) -> tuple[sources.PublicSource, ...] | None:
    """`Model.weights` by name, without importing timm; None also for an unknown name."""
    if name.startswith(TIMM):
        # no colon in a file's name: Windows has none
        return (sources.Timm(name, f"{name.replace(':', '-')}.pth", "as timm's model page says"),)
    return MODELS[name].weights if name in MODELS else None


def display_names() -> dict[str, str]:
    """How tables and figures call each network, by name."""
    return {name: model.display_name for name, model in MODELS.items()}


def in_order(names: Iterable[str]) -> list[str]:
    """Each of `names` once: first those of `MODELS`, in its order, then others by the alphabet."""
    places = {name: place for place, name in enumerate(MODELS)}
    return sorted(set(names), key=lambda name: (places.get(name, len(places)), name))
