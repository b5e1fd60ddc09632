"""What the networks are: input, stages, parameters and multiply-adds, from their modules."""

from collections import Counter

from torch import nn

from fer_utils.analysis.costs import multiply_adds
from fer_utils.analysis.learning_stages import skeleton, stage_shapes
from fer_utils.data.tasks import get_task
from fer_utils.reporting.latex import booktabs, word

# of both reports, and ours
SHOWN = (
    *("cnn", "resnet18", "efficientnet_b1", "mobilenet_v2", "vggface"),
    *("efficientnet_lite0", "face_resnet", "small_resnet"),
)

CLASSES = 7  # of the best network


def networks() -> str:
    """One row per network, with a head of four classes."""
    classes = len(get_task("multiclass").classes)
    rows = []
    for model in SHOWN:
        network = skeleton(model, classes)
        side, channels = network.preprocess.size, network.preprocess.channels
        parameters = sum(parameter.numel() for parameter in network.parameters())
        counts = [f"{parameters / 1e6:.1f}", f"{multiply_adds(model, classes) / 1e6:,.0f}"]
        rows.append([word(model), f"{side}×{side}×{channels}", *counts, " ".join(network.stages)])
    header = ["network", "input", "parameters", "multiply-adds", "stages"]
    return booktabs(header, rows, columns="lrrrl")


def stages(model: str) -> str:
    """One row per stage of a network of seven classes: what it gives, parameters, layers."""
    network, rows = skeleton(model, CLASSES), []
    for stage, shape in stage_shapes(model, CLASSES).items():
        size = "×".join(map(str, shape))
        if stage == "input":
            rows.append([stage, size, "", ""])
            continue
        modules = list(network.stage(stage).modules())
        parameters = sum(parameter.numel() for parameter in modules[0].parameters())
        kinds = (nn.Conv2d, nn.Linear)
        layers = Counter(_layer(module) for module in modules if isinstance(module, kinds))
        told = "; ".join(f"{n} of {kind}" if n > 1 else kind for kind, n in layers.items())
        rows.append([stage, size, f"{parameters:,}", told])
    header = ["stage", "output", "parameters", "convolutions and dense layers"]
    return booktabs(header, rows, columns="lrrl")


def _layer(module: nn.Module) -> str:
    if isinstance(module, nn.Linear):
        return "dense"
    assert isinstance(module, nn.Conv2d)
    stride = f" (stride {module.stride[0]})" if module.stride[0] > 1 else ""
    return f"{module.kernel_size[0]}×{module.kernel_size[0]}{stride}"
