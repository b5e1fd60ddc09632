"""What a training leaves on the disk: its weights, its history, and all that it needs to continue."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from fer_utils import io
from fer_utils.distributed import World

State = Mapping[str, nn.Module | torch.optim.Optimizer]  # by the name in resume.pth


def save_weights(path: Path, network: nn.Module) -> None:
    """The state_dict, on the CPU and in the plain memory layout, whole or not at all."""
    _save(path, {name: value.cpu().contiguous() for name, value in network.state_dict().items()})


def save_checkpoint(folder: Path, state: State, evaluated: nn.Module, history: list[dict]) -> None:
    """Writes resume.pth (`state` and history) and history.csv.

    And best.pth, where no epoch before had so high a validation accuracy: the weights of `evaluated`.
    """
    *before, last = (row["val_accuracy"] for row in history)
    if last > max(before, default=-1.0):
        save_weights(folder / "best.pth", evaluated)
    _save_state(folder, state, history)
    with io.atomic_file(folder / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)


def begin_or_resume(folder: Path, state: State, world: World) -> list[dict]:
    """The history of the finished epochs, their state loaded; at a fresh start [], its state saved.

    The main process alone reads and writes the folder.
    """
    path = folder / "resume.pth"
    content = None
    if world.is_main:
        if not path.exists():
            _save_state(folder, state, [])
        content = torch.load(path, map_location="cpu", weights_only=True)
    content = world.broadcast(content)
    for name, part in state.items():
        part.load_state_dict(content[name])
    if world.is_main and content["history"]:
        print(f"  resuming after epoch {len(content['history'])}", flush=True)
    return content["history"]


def epochs_done(folder: Path) -> int:
    """How many epochs of an interrupted training `folder` holds; 0 if there is none to continue."""
    path = folder / "resume.pth"
    if not path.exists():
        return 0
    return len(torch.load(path, map_location="cpu", weights_only=True)["history"])


def _save_state(folder: Path, state: State, history: list[dict]) -> None:
    content = {name: part.state_dict() for name, part in state.items()}
    _save(folder / "resume.pth", content | {"history": history})


def _save(path: Path, content: dict) -> None:
    # Through a buffer: torch.save to a full disk raises an obscure RuntimeError, writing bytes says why.
    buffer = BytesIO()
    torch.save(content, buffer)
    with io.atomic_file(path) as part:
        part.write_bytes(buffer.getbuffer())
