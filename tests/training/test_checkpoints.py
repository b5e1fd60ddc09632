"""Which epoch's weights are kept as the best."""

import torch
from torch import nn

from fer_utils.training.checkpoints import save_checkpoint


def test_best_is_the_earliest_epoch_of_the_highest_accuracy_whatever_its_loss(tmp_path):
    accuracies, losses = [0.5, 0.7, 0.7, 0.6], [0.9, 0.8, 0.7, 0.1]
    network, history = nn.Linear(1, 1), []
    for epoch, row in enumerate(zip(accuracies, losses, strict=True), start=1):
        nn.init.constant_(network.bias, epoch)
        history.append({"epoch": epoch} | dict(zip(("val_accuracy", "val_loss"), row, strict=True)))
        save_checkpoint(tmp_path, {"network": network}, network, history)
    assert torch.load(tmp_path / "best.pth", weights_only=True)["bias"].item() == 2
    resumed = torch.load(tmp_path / "resume.pth", weights_only=True)
    assert resumed["network"]["bias"].item() == 4 and resumed["history"] == history


def test_a_run_that_never_gets_one_right_has_a_best_epoch(tmp_path):
    network = nn.Linear(1, 1)
    save_checkpoint(
        tmp_path, {"network": network}, network, [{"val_accuracy": 0.0, "val_loss": 9.0}]
    )
    assert (tmp_path / "best.pth").exists()
