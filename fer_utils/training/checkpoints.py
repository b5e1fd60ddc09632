"""What a training leaves on the disk: its weights, its history, and all it needs to continue."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from fer_utils import io
from fer_utils.distributed import World

Stateful = nn.Module | torch.optim.Optimizer
State = Mapping[str, Stateful]  # by the name in resume.pth


def save_weights(path: Path, network: nn.Module) -> None:
    """The state_dict, on the CPU and in the plain memory layout, whole or not at all."""
    # waits for the device
    _save(path, {name: value.cpu().contiguous() for name, value in network.state_dict().items()})


def save_checkpoint(folder: Path, state: State, evaluated: nn.Module, history: list[dict]) -> None:
    """Writes what a finished epoch leaves in `folder`.

    - best.pth, where no epoch before had so high a validation accuracy: the weights of `evaluated`
    - resume.pth: `state` and history
    - history.csv
    """
    *before, last = (row["val_accuracy"] for row in history)
    # The order matters: a run that is killed before resume.pth computes this epoch once more.
    if last > max(before, default=-1.0):
        save_weights(folder / "best.pth", evaluated)
    _save_state(folder, state, history)
    with io.atomic_file(folder / "history.csv") as part:
        pd.DataFrame(history).to_csv(part, index=False)


def begin_or_resume(folder: Path, state: State, world: World) -> list[dict]:
    """The history of the finished epochs, their state loaded; at a fresh start [], its state saved.

    The main process alone reads and writes the folder.
    """
    # The start is saved too, for the case that memory does not suffice for the first epoch.
    if world.is_main and not (folder / "resume.pth").exists():
        _save_state(folder, state, [])
    history = load_checkpoint(folder, state, world)
    if world.is_main and history:
        print(f"  resuming after epoch {len(history)}", flush=True)
    return history


def load_checkpoint(folder: Path, state: State, world: World) -> list[dict]:
    """Brings `state` to where the last finished epoch left it; returns the history."""
    content = _load(folder) if world.is_main else {}
    content = world.broadcast(content)
    for name, part in state.items():
        part.load_state_dict(content[name])
    return content["history"]


def epochs_done(folder: Path) -> int:
    """How many epochs of an interrupted training `folder` holds; 0 if there is none to continue."""
    return len(_load(folder)["history"]) if (folder / "resume.pth").exists() else 0


def _load(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "resume.pth", map_location="cpu", weights_only=True)


def _save_state(folder: Path, state: State, history: list[dict]) -> None:
    content: dict[str, Any] = {name: part.state_dict() for name, part in state.items()}
    _save(folder / "resume.pth", content | {"history": history})


def _save(path: Path, content: dict[str, Any]) -> None:
    # Through a buffer: torch.save to a full disk raises an obscure error, writing bytes says why.
    buffer = BytesIO()
    torch.save(content, buffer)
    with io.atomic_file(path) as part:
        part.write_bytes(buffer.getbuffer())
