"""Studies transfer, report_b and grid in frames, on runs with made-up scores."""

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import reported, transfer
from fer_utils.experiments import results, studies


def test_every_cell_of_the_study_has_a_row_run_or_not(transfer_frames, with_transfer):
    cells = transfer_frames["transfer"]
    assert len(cells) == 4 * 2 * 2 * 2
    missing = cells[cells["model"] == "efficientnet_b1"]
    assert set(missing["status"]) == {studies.NOT_RUN} and missing["mean"].isna().all()
    assert set(cells.loc[cells["model"] != "efficientnet_b1", "seeds"]) == {2}
    assert (cells.loc[cells["seeds"] > 0, "status"] == "").all()
    resnet = {"model": "resnet18", "epochs": 5, "task": "binary", "loss": "focal"}
    [cell] = cells.set_index(transfer.CELL).loc[[tuple(resnet.values())]].to_dict("records")
    assert cell["reported"] == pytest.approx(0.8828, abs=1e-4)
    scores = with_transfer.study("transfer").select(**resnet).scores()
    values = scores.loc[scores["metric"] == "accuracy", "value"]
    assert len(values) == 2 and cell["mean"] == pytest.approx(values.mean())


def test_five_epochs_against_ten(transfer_frames):
    lengths = transfer_frames["transfer_lengths"]
    assert len(lengths) == 3 * 2 * 2 and set(lengths["seeds"]) == {2}
    assert (lengths["gain"] - (lengths["long"] - lengths["short"])).abs().max() < 1e-12
    cells = transfer_frames["transfer"].set_index(transfer.CELL)["mean"]
    first = lengths.iloc[0]
    short, long = (cells[first["model"], n, first["task"], first["loss"]] for n in (5, 10))
    assert first[["short", "long"]].tolist() == pytest.approx([short, long])
    # training rises from 50 to 90 %, validation stays at 60 to 70
    assert lengths["parted"].between(4, 8).all()


def test_the_best_epoch_is_the_earliest_of_the_highest_validation_accuracy():
    history = pd.DataFrame(
        {"run": list("aaabb"), "epoch": [1, 2, 3, 1, 2], "val_accuracy": [0.6, 0.7, 0.7, 0.5, 0.4]}
    )
    assert transfer.best_rows(history)[["run", "epoch"]].to_numpy().tolist() == [["a", 2], ["b", 1]]


def test_a_study_that_was_stopped_leaves_cells_without_seeds(with_transfer):
    first = with_transfer.study("transfer").runs["run"].iloc[:1]
    part = with_transfer.select(run=list(first))
    cells = transfer.accuracies(part)
    assert (cells["seeds"] > 0).sum() == 1 and transfer.lengths(part).empty
    assert (cells["status"] == studies.NOT_RUN).sum() == 8  # EfficientNet-B1's


def test_report_bs_best_epochs(transfer_frames, with_transfer):
    epochs = transfer_frames["report_b_epochs"].set_index("model")
    order = ["resnet18", "resnet18_cntk", "resnet18_scratch", "mobilenet_v2", "vggface"]
    order += ["face_resnet", "faceres"]
    assert list(epochs.index) == order
    assert epochs.loc["vggface", "status"] == studies.NOT_RUN
    assert epochs.loc["vggface", ["reported_epoch", "reported_val"]].tolist() == [4, 0.958]
    assert epochs["reported_val"].isna().sum() == 4
    resnet = with_transfer.study("report_b").select(model="resnet18")
    highest = resnet.history.groupby("run")["val_accuracy"].max()
    assert epochs.loc["resnet18", "val"] == pytest.approx(highest.mean())
    tested = resnet.scores().query("metric == 'accuracy'")["value"]
    assert epochs.loc["resnet18", ["seeds", "test"]].tolist() == [2, pytest.approx(tested.mean())]


def test_report_bs_classes_as_a_report(transfer_frames, with_transfer):
    report = transfer.as_report(transfer_frames["report_b_classes"])
    assert list(report) == ["precision", "recall", "f1", "support"]
    scores = with_transfer.study("report_b").select(model="resnet18").scores()
    recall = scores.query("metric == 'recall' and `class` == 'sad'")["value"]
    assert report.loc[("resnet18", "sad"), "recall"] == pytest.approx(recall.mean(), abs=5e-4)
    printed = transfer.as_report(reported.reported_b()).loc[("vggface", "sad")]
    assert printed["recall"] == 0.992 and printed["support"] > 100  # printed as 0.9925


def test_the_grid_has_one_winner(transfer_frames, with_transfer):
    grid = transfer_frames["grid"]
    best = results.winner(with_transfer.study("grid"))
    assert len(grid) == 12 and grid["chosen"].sum() == 1 and set(grid["seeds"]) == {2}
    assert grid.loc[grid["chosen"], "val"].item() == grid["val"].max()
    assert grid.loc[grid["chosen"], "learning_rate"].item() == best["learning_rate"]


def test_without_the_studies_there_are_no_chapters():
    reference = results.open_results("fer2013", paths.CHECKOUT / "results")
    assert transfer.frames(reference.study("gamma")) == {}
    grid_alone = reference.select(run=list(reference.study("grid").runs["run"]))
    assert list(transfer.frames(grid_alone)) == ["grid"]
