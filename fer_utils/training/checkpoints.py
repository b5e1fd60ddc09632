"""What a training leaves on the disk: its weights, its history, and all that it needs to continue."""

from io import BytesIO
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from fer_utils import io
from fer_utils.distributed import World


def save_weights(path: Path, network: nn.Module) -> None:
    """The state_dict, on the CPU and in the plain memory layout, whole or not at all."""
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    _save(path, state)


def _save(path: Path, content: dict) -> None:
    buffer = BytesIO()  # torch.save to a full disk raises an obscure RuntimeError; writing bytes says why
    torch.save(content, buffer)
    with io.atomic_file(path) as part:
        part.write_bytes(buffer.getbuffer())


def checkpoint(folder: Path, parts: dict, judged: nn.Module, history: list[dict]) -> None:
    """Writes history.csv and resume.pth: the history and the state of every part by name.

    And best.pth, where no epoch before had so high a validation accuracy: the weights of `judged`.
    """
    *before, last = (row["val_accuracy"] for row in history)
    if last > max(before, default=-1.0):
        save_weights(folder / "best.pth", judged)
    content = {name: part.state_dict() for name, part in parts.items()} | {"history": history}
    _save(folder / "resume.pth", content)
    with io.atomic_file(folder / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)


def epochs_done(folder: Path) -> int:
    """How many epochs of an interrupted training its folder holds; 0 where there is none to continue."""
    path = folder / "resume.pth"
    return len(torch.load(path, map_location="cpu", weights_only=True)["history"]) if path.exists() else 0


def resume(folder: Path, parts: dict, world: World) -> list[dict]:
    """The history of the epochs already done, their state loaded; empty at a fresh start. Read by the first."""
    checkpoint = folder / "resume.pth"
    found = world.is_main and checkpoint.exists()
    content = world.broadcast(torch.load(checkpoint, map_location="cpu", weights_only=True) if found else None)
    if content is None:
        return []
    for name, part in parts.items():
        part.load_state_dict(content[name])
    if world.is_main:
        print(f"  resuming after epoch {len(content['history'])}", flush=True)
    return content["history"]
