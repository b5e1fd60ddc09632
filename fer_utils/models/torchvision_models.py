"""torchvision's ResNet18, EfficientNet-B1 and MobileNetV2, trained on ImageNet."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from fer_utils.models.backbone import Backbone

if TYPE_CHECKING:
    from torchvision.models import EfficientNet, MobileNetV2, ResNet

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean, std
CLASSIFIER = ("classifier.1",)  # where the head stands in networks of the MobileNet family


def published(name: str) -> Callable[[], nn.Module]:
    """What builds torchvision's network of this name, as it publishes it."""

    def build() -> nn.Module:
        # here, since it takes a second that a run of another network need not wait for
        from torchvision import models

        return models.get_model(name)

    return build


def cut_resnet(network: "ResNet") -> dict[str, nn.Sequential]:
    """Stages stem, layer1 to layer4, fc."""
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    layers = {f"layer{i}": getattr(network, f"layer{i}") for i in (1, 2, 3, 4)}
    # flattened here: torchvision does it between its modules, in `forward`
    return {"stem": stem, **layers, "fc": nn.Sequential(network.avgpool, nn.Flatten(), network.fc)}


def _cut_mobilenet(
    *starts: int,
) -> Callable[["EfficientNet | MobileNetV2"], dict[str, nn.Sequential]]:
    """Stages stem, stage1 to the last, classifier of a network of the MobileNet family.

    starts: the rows of its `features` at which a new resolution begins.
    """

    def cut(network: "EfficientNet | MobileNetV2") -> dict[str, nn.Sequential]:
        rows = list(network.features)
        ends = [*starts[1:], len(rows)]
        parts = [nn.Sequential(*rows[start:end]) for start, end in zip(starts, ends, strict=True)]
        names = ["stem", *(f"stage{i}" for i in range(1, len(parts)))]
        # pooled here: MobileNetV2 has no module for it, only a call in its `forward`
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *network.classifier)
        return dict(zip(names, parts, strict=True)) | {"classifier": head}

    return cut


RESNET18 = Backbone(published("resnet18"), cut_resnet, 224, *IMAGENET)
EFFICIENTNET_B1 = Backbone(
    published("efficientnet_b1"), _cut_mobilenet(0, 2, 3, 4, 6), 240, *IMAGENET, unused=CLASSIFIER
)
MOBILENET_V2 = Backbone(
    published("mobilenet_v2"), _cut_mobilenet(0, 2, 4, 7, 14), 224, *IMAGENET, unused=CLASSIFIER
)
