"""Runs followed in the real TensorBoard and Weights & Biases, offline; and without them."""

import json
import sys

import pandas as pd
import pytest

from fer_utils.errors import FerError
from fer_utils.experiments import runner
from fer_utils.reporting import plots
from fer_utils.training import tracking
from fer_utils.training.experiment import Experiment

CHOSEN = Experiment(dataset="drawn", task="binary", epochs=2, batch_size=16)
CURVES = {"train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"}


def go(home, drawn, tracker):
    return runner.run(CHOSEN, "cpu", "fp32", home, drawn, tracker, plots.of_run)


def test_tensorboard_has_curves_configuration_and_pictures(drawn, tmp_path, monkeypatch):
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    where = tmp_path / "drawn" / "tracking" / "tensorboard" / CHOSEN.id
    seen, epoch = [], tracking.TensorBoard.epoch

    def live(self, row):
        epoch(self, row)
        seen.append(len(loader(str(where)).Reload().Scalars("val_loss")))

    monkeypatch.setattr(tracking.TensorBoard, "epoch", live)
    history = pd.read_csv(go(tmp_path, drawn, "tensorboard") / "history.csv")
    assert seen == [1, 2], "the curves grow while it computes"
    board = loader(str(where)).Reload()
    assert set(board.Tags()["scalars"]) == CURVES and set(board.Tags()["images"]) == {
        "confusion",
        "samples",
    }
    points = board.Scalars("val_accuracy")
    assert [point.step for point in points] == [1, 2]
    assert [point.value for point in points] == pytest.approx(history["val_accuracy"].tolist())
    text = board.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "    learning_rate: 0.0005\n" in text and "    images.train: " in text


def test_weights_and_biases_offline(drawn, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    monkeypatch.delenv("WANDB_MODE", raising=False)
    go(tmp_path, drawn, "wandb")
    (file,) = tmp_path.glob("drawn/tracking/wandb/offline-run-*/*.wandb")
    assert CHOSEN.id in file.name
    store, rows, settings = DataStore(), [], {}
    store.open_for_scan(str(file))
    while (content := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record.FromString(content)
        settings |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        if record.HasField("history"):
            items = {
                ".".join(item.nested_key) or item.key: item.value_json
                for item in record.history.item
            }
            rows.append(items)
    assert all(rows[number].keys() >= CURVES for number in (0, 1))
    assert {"samples._type", "confusion._type"} <= rows[2].keys()
    assert settings["task"] == "binary" and settings["images.test"] == 16
    assert len(list(file.parent.glob("files/media/images/*.png"))) == 2


def test_a_tracker_changes_nothing(drawn, tmp_path):
    pytest.importorskip("tensorboard")
    with_it, without = go(tmp_path / "a", drawn, "tensorboard"), go(tmp_path / "b", drawn, "none")
    assert with_it.name == without.name
    for name in ("metrics.csv", "confusion.csv"):
        assert (with_it / name).read_text() == (without / name).read_text()
    assert not (tmp_path / "b" / "drawn" / "tracking").exists()


def test_an_interrupted_run_goes_on_in_the_same_curves(drawn, tmp_path, monkeypatch):
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    epoch = tracking.TensorBoard.epoch

    def broken(self, row):
        epoch(self, row)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(tracking.TensorBoard, "epoch", broken)
        go(tmp_path, drawn, "tensorboard")
    go(tmp_path, drawn, "tensorboard")
    board = loader(str(tmp_path / "drawn" / "tracking" / "tensorboard" / CHOSEN.id)).Reload()
    assert [point.step for point in board.Scalars("val_loss")] == [1, 2]


@pytest.mark.parametrize("error", [ValueError("the disk is full"), KeyboardInterrupt()])
def test_a_crashed_run_is_not_finished_for_weights_and_biases(tmp_path, monkeypatch, error):
    wandb = pytest.importorskip("wandb")
    codes = []
    monkeypatch.setattr(wandb.Run, "finish", lambda self, exit_code=0: codes.append(exit_code))
    config = {"experiment": {}}
    with pytest.raises(type(error)), tracking.follow("wandb", tmp_path, "crashed", config):
        raise error
    with tracking.follow("wandb", tmp_path, "sound", config):
        pass
    assert codes == [1, 0]


@pytest.mark.parametrize(
    "tracker, module", [("tensorboard", "torch.utils.tensorboard"), ("wandb", "wandb")]
)
def test_a_tracker_that_is_not_installed_is_one_line_and_leaves_nothing(
    drawn, tmp_path, monkeypatch, tracker, module
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        FerError, match=rf"^tracker {tracker} is not installed; install it with: pip install"
    ):
        go(tmp_path, drawn, tracker)
    assert not list(tmp_path.glob("drawn/runs/*"))
    assert (go(tmp_path, drawn, "none") / "done.json").exists()


def test_an_unknown_tracker(drawn, tmp_path):
    with pytest.raises(FerError, match=r"unknown tracker 'wandbb' \(did you mean 'wandb'\?\)"):
        go(tmp_path, drawn, "wandbb")
