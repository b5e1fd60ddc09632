"""Report A's pretrained networks in frames, on runs with made-up scores."""

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import report_b, transfer
from fer_utils.experiments import results, studies


def test_every_cell_of_the_study_has_a_row_run_or_not(transfer_frames, with_transfer):
    cells = transfer_frames["transfer"].query("model != 'resnet18_cntk'")  # of committed studies
    assert len(cells) == 4 * 2 * 2 * 2
    missing = cells[cells["model"] == "efficientnet_b1"]
    assert set(missing["status"]) == {studies.NOT_RUN} and missing["mean"].isna().all()
    assert set(cells.loc[cells["model"] != "efficientnet_b1", "seeds"]) == {2}
    assert (cells.loc[cells["seeds"] > 0, "status"] == "").all()
    settings = {"epochs": 5, "task": "binary", "loss": "focal"}
    resnet = {"model": "resnet18", "rest": True, "cap": 4000} | settings
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
    network = tuple(first[transfer.NETWORK])
    short, long = (cells[(*network, n, first["task"], first["loss"])] for n in (5, 10))
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


def test_without_the_studies_there_are_no_chapters():
    reference = results.open_results("fer2013", paths.CHECKOUT / "results")
    gamma = reference.study("gamma")
    assert transfer.frames(gamma) == report_b.frames(gamma) == {}
    grid_alone = reference.select(run=list(reference.study("grid").runs["run"]))
    assert list(transfer.frames(grid_alone) | report_b.frames(grid_alone)) == ["grid"]
