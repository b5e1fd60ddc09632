"""The tables of docs/scale.md: an AffectNet-sized set on 8 devices, and 10,000 runs.

python benchmarks/scale.py            rewrites what stands between the marks in docs/scale.md
"""

import re
from pathlib import Path

import measure
import pandas as pd

from fer_utils import io, paths
from fer_utils.models.network import Network

PAGE = paths.CHECKOUT / "docs" / "scale.md"
BLOCK = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- /figures -->)", re.DOTALL)
NETWORKS = {"cnn": 48, "small_resnet": 48, "resnet18_scratch": 224}  # side in pixels
IMAGES = 450_000  # AffectNet's (Mollahosseini et al. 2017), about
EPOCHS, DEVICES, BATCH, RUNS = 10, 8, 64, 10_000
LINKS = {
    "NVLink, 450 GB/s": 450e9,
    "25 Gbit/s Ethernet": 25e9 / 8,
}  # each way; NVIDIA's data sheet of the H100


def parameters(network: str) -> int:
    return sum(parameter.numel() for parameter in Network(network, 8).parameters())


def network_table() -> pd.DataFrame:
    """What a step of data-parallel training sends: a ring all-reduce of float32 gradients."""
    rows = []
    for name in NETWORKS:
        sent = 2 * (DEVICES - 1) / DEVICES * 4 * parameters(name)
        row = {
            "network": name,
            "parameters": f"{parameters(name):,}",
            "MB a step and device": f"{sent / 1e6:.1f}",
        }
        rows.append(
            row | {f"ms, {link}": f"{1000 * sent / speed:.2f}" for link, speed in LINKS.items()}
        )
    return pd.DataFrame(rows)


def time_table() -> pd.DataFrame:
    """Hours on one device and on DEVICES, without communication, for each measured device."""
    rows = []
    for path in sorted(measure.FOLDER.glob("roofline_*.csv")):
        measured = pd.read_csv(path).query("phase == 'train'")
        for (name, side), precisions in measured.groupby(["network", "side"], sort=False):
            best = precisions.loc[precisions["images_per_second"].idxmax()]
            hours = EPOCHS * IMAGES / best["images_per_second"] / 3600
            row = {
                "device": best["device"],
                "network": f"{name} at {side}",
                "precision": best["precision"],
            }
            row["images/s"] = f"{best['images_per_second']:,.0f}"
            row["ms a step"] = f"{1000 * BATCH / best['images_per_second']:.2f}"
            rows.append(
                row | {"hours, 1": f"{hours:.2f}", f"hours, {DEVICES}": f"{hours / DEVICES:.2f}"}
            )
    return pd.DataFrame(rows)


def runs_table() -> pd.DataFrame:
    """What RUNS runs of the CNN take, for each device whose runs side by side were measured."""
    rows = []
    for path in sorted(measure.FOLDER.glob("many_*.csv")):
        frame = pd.read_csv(path).query("way == 'processes'")
        best = frame.loc[frame["runs_per_minute"].idxmax()]
        days = RUNS / best["runs_per_minute"] / 60 / 24
        row = {
            "device": best["device"],
            "processes": best["at_once"],
            "images a run": best["images_at_most"],
        }
        row |= {
            "runs a minute": best["runs_per_minute"],
            f"days for {RUNS:,}, 1 device": f"{days:.1f}",
        }
        rows.append(row | {f"{DEVICES} devices": f"{days / DEVICES:.1f}"})
    return pd.DataFrame(rows)


def disk_table() -> pd.DataFrame:
    """What RUNS runs leave: files as in the committed study, and two checkpoints per network."""
    folders = [done.parent for done in (paths.REFERENCE / "fer2013" / "runs").glob("*/done.json")]
    plain = [
        path.stat().st_size
        for folder in folders
        for path in folder.iterdir()
        if path.suffix != ".pth"
    ]
    each = sum(plain) / len(folders)
    rows = []
    for name in NETWORKS:
        kept = each + 2 * 4 * parameters(name)
        row = {"network": name, "kB of plain files": f"{each / 1e3:.0f}"}
        row["MB with checkpoints"] = f"{kept / 1e6:.1f}"
        rows.append(row | {f"GB for {RUNS:,}": f"{RUNS * kept / 1e9:,.0f}"})
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame, missing: str) -> str:
    if frame.empty:
        return f"Not measured yet: `{missing}`.\n"
    lines = [
        "| " + " | ".join(map(str, row)) + " |"
        for row in (frame.columns, *frame.itertuples(index=False))
    ]
    return "\n".join([lines[0], "|---" * frame.shape[1] + "|", *lines[1:]]) + "\n"


def main(page: Path = PAGE) -> None:
    parts = [
        (
            f"**Time**: {IMAGES:,} images, {EPOCHS} epochs, batches of {BATCH}",
            time_table(),
            "roofline",
        ),
        (f"**Network**: {DEVICES} devices, a step of any batch", network_table(), ""),
        (f"**{RUNS:,} runs** of the CNN, 10 epochs on two classes", runs_table(), "many"),
        (f"**Disk**: {RUNS:,} runs", disk_table(), ""),
    ]
    block = "\n".join(
        f"{title}\n\n{markdown(frame, f'python benchmarks/{script}.py')}"
        for title, frame, script in parts
    )
    text = page.read_text(encoding="utf-8")
    with io.atomic_file(page) as part:
        part.write_text(BLOCK.sub(lambda _: block, text), encoding="utf-8")
    print(block)


if __name__ == "__main__":
    main()
