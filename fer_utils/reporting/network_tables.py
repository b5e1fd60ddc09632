"""What the networks are: input, stages, parameters and multiply-adds, from their modules."""

from fer_utils.analysis.costs import multiply_adds
from fer_utils.analysis.learning_stages import skeleton
from fer_utils.data.tasks import get_task
from fer_utils.reporting.latex import booktabs, word

# of both reports, and ours
SHOWN = (
    *("cnn", "resnet18", "efficientnet_b1", "mobilenet_v2", "vggface"),
    *("efficientnet_lite0", "face_resnet", "small_resnet"),
)


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
