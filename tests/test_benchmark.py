"""Report A's loop, the unit of the speed ratios, and ours take the same steps."""

import re
import sys

import numpy as np
import torch

from fer_utils import devices, paths
from fer_utils.data.loader import Batches
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train

sys.path.insert(0, str(paths.CHECKOUT / "benchmarks"))
import scale
from measure import alternate
from our_loop import OurLoop
from report_a_loop import TRANSFORM, Loop, fine_tuned_resnet18


def test_an_epoch_of_both_loops_ends_with_the_same_network(drawn, tmp_path):
    from PIL import Image

    hardware = devices.choose("cpu", "fp32")
    labels = np.arange(len(drawn)) % 2
    ours = Batches(drawn.images, labels, 16, hardware.device)

    torch.manual_seed(0)
    network = Network("cnn", 2)
    config = Experiment(task="binary", epochs=1, batch_size=16, learning_rate=1e-3)
    train(network, {"train": ours, "val": ours}, config, hardware, tmp_path)

    order = torch.cat(
        [y for _, y in Batches(drawn.images, np.arange(len(drawn)), 16, "cpu").shuffled(1)]
    )
    images = torch.stack([TRANSFORM(Image.fromarray(drawn.images[i])) for i in order])
    batches = list(zip(images.split(16), torch.from_numpy(labels)[order].split(16), strict=True))

    def distance(batches) -> float:
        """Between both networks' logits, the other's trained on `batches`, in its deviations."""
        other_loop = Loop(
            {"train": batches, "val": batches}, 2, 1e-3, 1e-4, [1.0, 1.5], "cpu", seed=0
        )
        torch.manual_seed(1)  # the dropout of our first epoch
        other_loop.epoch()
        network.eval()
        with torch.inference_mode():
            logits = network(ours.images)
            other = other_loop.network(network.preprocess(ours.images))
        return float((logits - other).abs().mean() / other.std())

    # In another memory layout sums round differently, and where two pixels are nearly equal max
    # pooling may pick the other one; so the networks agree closely and not to the last digit.
    # Another order is much further away.
    assert distance(batches) < 0.1 < distance(batches[::-1])


def test_resnet18_learns_in_both_loops_what_report_a_lets_learn(drawn):
    rows = np.arange(8)
    loop = OurLoop(
        drawn.images,
        rows % 2,
        (rows, rows),
        "binary",
        devices.choose("cpu", "fp32"),
        "resnet18_scratch",
        2,
    )
    counts = [
        sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
        for network in (loop.network, fine_tuned_resnet18(2))
    ]
    assert counts[0] == counts[1] > 8e6


def test_tasks_take_turns_and_the_first_round_does_not_count():
    calls = []
    tasks = {name: lambda name=name: calls.append(name) or float(len(calls)) for name in "ab"}
    assert alternate(tasks, 3) == {"a": 5.0, "b": 6.0}
    assert "".join(calls) == "abababab"


def test_the_pages_table_of_what_is_sent_is_the_networks(tmp_path):
    page = tmp_path / "scale.md"
    page.write_text(scale.PAGE.read_text())
    scale.main(page)
    (line,) = re.findall(r".*small_resnet \| 2.*", page.read_text())
    assert line in scale.PAGE.read_text()
