"""VGGFace: VGG16 as the Visual Geometry Group (Oxford) trained it to tell 2,622 people apart."""

from torch import nn

from fer_utils.models.backbone import Backbone

# the mean face was stated for intensities in 0..255, and divided by nothing
MEAN, STD = (129.186 / 255, 104.762 / 255, 93.594 / 255), (1 / 255,) * 3
# inputs, filters, 3×3 convolutions of each row
ROWS = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
WIDTH, PEOPLE = 4096, 2622  # outputs of fc6 and fc7, and of fc8


def vggface() -> nn.ModuleDict:
    """The layers with parameters, named as in the public weights.

    For 224×224 pixels, of which the convolutions leave 7×7.
    """
    layers = vggface_notop()
    sides = {"fc6": (512 * 7 * 7, WIDTH), "fc7": (WIDTH, WIDTH), "fc8": (WIDTH, PEOPLE)}
    layers.update({name: nn.Linear(*side) for name, side in sides.items()})
    return layers


def vggface_notop() -> nn.ModuleDict:
    """The same without fc6, fc7 and fc8, for images of any size: files "without the top"."""
    layers = nn.ModuleDict()
    for row, (inputs, filters, count) in enumerate(ROWS, start=1):
        for i in range(1, count + 1):
            layers[f"conv{row}_{i}"] = nn.Conv2d(inputs, filters, 3, padding=1)
            inputs = filters
    return layers


def _cut(layers: nn.ModuleDict) -> dict[str, nn.Sequential]:
    """Stages conv1 to conv5, fc6, fc7, fc8."""
    stages = _rows(layers)
    stages["fc6"] = nn.Sequential(nn.Flatten(), layers["fc6"], nn.ReLU(), nn.Dropout(0.5))
    stages["fc7"] = nn.Sequential(layers["fc7"], nn.ReLU())
    # the dropout behind fc7 is the head's, as in the other networks
    return stages | {"fc8": nn.Sequential(nn.Dropout(0.5), layers["fc8"])}


def _cut_notop(layers: nn.ModuleDict) -> dict[str, nn.Sequential]:
    """Stages conv1 to conv5, and a head on the mean over all pixels."""
    return _rows(layers) | {
        "fc": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, PEOPLE))
    }


def _rows(layers: nn.ModuleDict) -> dict[str, nn.Sequential]:
    stages: dict[str, nn.Sequential] = {}
    for row in range(1, len(ROWS) + 1):
        convolutions = [layer for name, layer in layers.items() if name.startswith(f"conv{row}_")]
        # what public files hold has parameters; ReLU and pooling are put in between
        with_relu = [module for convolution in convolutions for module in (convolution, nn.ReLU())]
        stages[f"conv{row}"] = nn.Sequential(*with_relu, nn.MaxPool2d(2))
    return stages


# one size alone: fc6 has a weight for each place of the 7×7 grid that 224 pixels leave
VGGFACE = Backbone(vggface, _cut, 224, MEAN, STD, sizes=(224, 224), unused=("fc8",))
VGGFACE_NOTOP = Backbone(vggface_notop, _cut_notop, 224, MEAN, STD, unused=("fc6", "fc7", "fc8"))
