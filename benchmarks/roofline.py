"""How near to the machine's two ceilings a step of training, and of evaluation, comes.

python benchmarks/roofline.py         → results/roofline_<device>.csv and .png

Operations are counted by torch's FlopCounterMode (matrix products and convolutions; a
multiplication and an addition are two). Bytes are a lower bound for a network computed layer by
layer: every layer's output is written and read once, and in training twice more read and once
written (the input kept for the gradient, and the gradient itself); every weight is read once, in
training ten times read or written (forward, backward, gradient, Adam). A compiler that joins
layers, and a cache that holds them, may stay below it. The ceilings are measured in the same
process: a large matrix product in the same precision, and a large copy (bytes read and written).
"""

import matplotlib.pyplot as plt
import measure
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.ticker import LogLocator, NullFormatter
from our_loop import protocol
from torch.utils.flop_counter import FlopCounterMode

from fer_utils.devices import Hardware
from fer_utils.models.network import Network
from fer_utils.training.optimizers import make_optimizer

ROUNDS = 5
CLASSES = 4
CASES = [("cnn", 48), ("small_resnet", 48)]  # network and side in pixels
ON_A_GPU = [("resnet18_scratch", 224)]  # minutes a step on a CPU


class Step:
    """One batch again and again. train() and evaluate() take it through the network."""

    def __init__(self, model: str, size: int, hardware: Hardware, batch: int):
        torch.manual_seed(0)
        self.hardware, self.batch = hardware, batch
        self.network = Network(model, CLASSES, size).to(
            hardware.device, memory_format=torch.channels_last
        )
        self.images = torch.randint(
            0, 256, (batch, 1, 48, 48), dtype=torch.uint8, device=hardware.device
        )
        self.labels = torch.randint(0, CLASSES, (batch,), device=hardware.device)
        self.optimizer = make_optimizer(
            "adam", self.network, protocol.learning_rate, protocol.weight_decay
        )

    def train(self) -> None:
        self.network.train()
        self.network.zero_grad()
        logits = self.hardware.forward(self.network, self.images, full_size=self.batch)
        F.cross_entropy(logits, self.labels).backward()
        self.optimizer.step()

    @torch.inference_mode()
    def evaluate(self) -> None:
        self.network.eval()
        self.hardware.forward(self.network, self.images, full_size=self.batch)

    def bytes(self, training: bool) -> int:
        """The lower bound that the head of this file describes."""
        outputs = []
        leaves = [module for module in self.network.modules() if not list(module.children())]
        hooks = [
            leaf.register_forward_hook(lambda _, __, out: outputs.append(out.nbytes))
            for leaf in leaves
        ]
        plain = Hardware(self.hardware.device, self.hardware.precision)
        with torch.no_grad():
            plain.forward(self.network.eval(), self.images)
        for hook in hooks:
            hook.remove()
        weights = sum(parameter.nbytes for parameter in self.network.parameters())
        return (5 * sum(outputs) + 10 * weights) if training else (2 * sum(outputs) + weights)


def operations(model: str, size: int, hardware: Hardware, batch: int) -> dict[str, int]:
    """FLOP of a step of training and of evaluation."""
    step = Step(model, size, Hardware(hardware.device, "fp32"), batch)
    counted = {}
    for phase, work in (("train", step.train), ("evaluate", step.evaluate)):
        with FlopCounterMode(display=False) as counter:
            work()
        counted[phase] = counter.get_total_flops()
    return counted


def ceilings(hardware: Hardware) -> tuple[float, float]:
    """(FLOP/s of a matrix product, bytes/s of a copy): the best of ROUNDS."""
    cuda = hardware.device.type == "cuda"
    side, count = (8192, 2**30) if cuda else (2048, 2**27)
    kind = torch.bfloat16 if hardware.precision == "bf16" else torch.float32
    a, b = (torch.randn(side, side, device=hardware.device).to(kind) for _ in range(2))
    source = torch.zeros(count, dtype=torch.uint8, device=hardware.device)
    target = torch.ones_like(source)
    torch.set_float32_matmul_precision(
        "high"
    )  # TF32 on CUDA, as fp32 convolutions have it there by default
    works = [lambda: a @ b, lambda: target.copy_(source)]
    product, copy = (
        min(measure.seconds(work, hardware.device) for _ in range(1 + ROUNDS)) for work in works
    )
    torch.set_float32_matmul_precision("highest")
    return 2 * side**3 / product, 2 * count / copy


def rate(work, hardware: Hardware, steps: int) -> float:
    """Seconds a step: the best of ROUNDS after one that compiles and warms up."""

    def several() -> None:
        for _ in range(steps):
            work()

    several()
    return min(measure.seconds(several, hardware.device) for _ in range(ROUNDS)) / steps


def table(batch: int, steps: int) -> pd.DataFrame:
    rows = []
    for name, hardware in measure.kinds_of_hardware():
        flops, copies = ceilings(hardware)
        for model, size in CASES + (ON_A_GPU if hardware.device.type == "cuda" else []):
            counted = operations(model, size, hardware, batch)
            step = Step(model, size, hardware, batch)
            for phase, work in (("train", step.train), ("evaluate", step.evaluate)):
                if hardware.device.type == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                took, moved = rate(work, hardware, steps), step.bytes(phase == "train")
                roof = min(flops, copies * counted[phase] / moved)
                peak = (
                    torch.cuda.max_memory_allocated() / 2**20
                    if hardware.device.type == "cuda"
                    else np.nan
                )
                rows.append(
                    {
                        "network": model, "side": size, "phase": phase, "precision": name,
                        "batch": batch,
                        "images_per_second": batch / took,
                        "mflop_per_image": counted[phase] / batch / 1e6,
                        "kb_per_image": moved / batch / 1e3,
                        "flop_per_byte": counted[phase] / moved,
                        "gflop_per_second": counted[phase] / took / 1e9,
                        "ceiling_gflop_per_second": flops / 1e9,
                        "ceiling_gb_per_second": copies / 1e9,
                        "share_of_roof": counted[phase] / took / roof, "peak_memory_mb": peak,
                    }
                )  # fmt: skip
                print(f"{model} {phase} {name}: {batch / took:.0f} images/s", flush=True)
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame, path) -> None:
    """Both ceilings of each precision, and each step where its operations a byte put it."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    across = np.geomspace(frame["flop_per_byte"].min() / 4, frame["flop_per_byte"].max() * 8, 200)
    colours = dict(zip(frame["precision"].unique(), ("C0", "C1", "C2", "C3"), strict=False))
    for precision, rows in frame.groupby("precision", sort=False):
        top, slope = rows[["ceiling_gflop_per_second", "ceiling_gb_per_second"]].iloc[0]
        axes.loglog(
            across,
            np.minimum(top, slope * across),
            color=colours[precision],
            label=f"roof, {precision}",
        )
    for (model, phase), rows in frame.groupby(["network", "phase"], sort=False):
        marker = {"cnn": "o", "small_resnet": "s"}.get(model, "^")
        fill = [colours[name] if phase == "train" else "none" for name in rows["precision"]]
        edges = [colours[name] for name in rows["precision"]]
        where = rows["flop_per_byte"], rows["gflop_per_second"]
        axes.scatter(*where, marker=marker, facecolors=fill, edgecolors=edges, zorder=3)
        filled = "0.4" if phase == "train" else "none"
        key = {"facecolors": filled, "edgecolors": "0.4", "label": f"{model}, {phase}"}
        axes.scatter([], [], marker=marker, **key)
    axes.set(xlabel="operations per byte (bytes: lower bound)", ylabel="GFLOP/s")
    first = frame.iloc[0]
    axes.set_title(f"{first['device']}, {first['threads']} threads, batch {first['batch']}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)


def main() -> None:
    frame = table(batch=measure.argument(1, protocol.batch_size), steps=measure.argument(2, 20))
    path = measure.save(frame.round(4), "roofline")
    draw(pd.read_csv(path), path.with_suffix(".png"))


if __name__ == "__main__":
    main()
