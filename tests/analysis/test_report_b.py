"""Report B's studies in frames, on runs with made-up scores."""

from dataclasses import replace

import numpy as np
import pytest

from fer_utils.analysis import report_b, reported
from fer_utils.experiments import results, studies


def test_report_bs_best_epochs(transfer_frames, with_transfer):
    epochs = transfer_frames["report_b_epochs"].set_index("model")
    order = ["resnet18", "resnet18_cntk", "resnet18_scratch", "mobilenet_v2", "vggface"]
    order += ["face_resnet", "faceres"]
    assert list(epochs.index) == order
    assert epochs.loc["vggface", "status"] == studies.NOT_RUN
    assert epochs.loc["vggface", ["reported_epoch", "reported_val"]].tolist() == [4, 0.958]
    assert epochs["reported_val"].isna().sum() == 3  # what knows faces, and MobileNetV2
    resnet = with_transfer.study("report_b").select(model="resnet18")
    highest = resnet.history.groupby("run")["val_accuracy"].max()
    assert epochs.loc["resnet18", "val"] == pytest.approx(highest.mean())
    tested = resnet.scores().query("metric == 'accuracy'")["value"]
    assert epochs.loc["resnet18", ["seeds", "test_best"]].tolist() == [
        2,
        pytest.approx(tested.mean()),
    ]


def test_finished_networks_have_no_empty_cells_and_the_others_are_named(transfer_frames, capsys):
    epochs = transfer_frames["report_b_epochs"]
    finished = report_b.finished(epochs)
    assert len(finished) and not finished.isna().any(axis=None)
    assert {"model", "train", "val", "test", "seeds"} <= set(finished.columns)
    left_out = set(epochs["model"]) - set(finished["model"])
    assert "vggface" in left_out and set(epochs.loc[epochs["seeds"] == 0, "model"]) == left_out
    said = capsys.readouterr().out
    assert all(model in said for model in left_out) and "resnet18_scratch" not in said


def test_report_bs_classes_as_a_report(transfer_frames, with_transfer):
    report = report_b.as_report(transfer_frames["report_b_classes"])
    assert list(report) == ["precision", "recall", "f1", "support"]
    scores = with_transfer.study("report_b").select(model="resnet18").scores()
    recall = scores.query("metric == 'recall' and `class` == 'sad'")["value"]
    assert report.loc[("resnet18", "sad"), "recall"] == pytest.approx(recall.mean(), abs=5e-4)
    printed = report_b.as_report(reported.reported_b()).loc[("vggface", "sad")]
    assert printed["recall"] == 0.992 and printed["support"] > 100  # printed as 0.9925


def test_the_best_and_the_last_epoch_are_told_apart(with_transfer, transfer_frames):
    """Of runs that test both; of others the one that was not tested is missing."""
    epochs = transfer_frames["report_b_epochs"].set_index("model")
    runs = with_transfer.study("report_b").select(model="faceres")
    for column, split in (("test_best", "test"), ("test", "test_last")):
        tested = runs.scores(split).query("metric == 'accuracy'")["value"]
        assert epochs.loc["faceres", column] == pytest.approx(tested.mean())
    alone = runs.metrics[~runs.metrics["split"].str.endswith("_last")]
    for select, column, missing in (("last", "test", "test_best"), ("best", "test_best", "test")):
        study = replace(runs, runs=runs.runs.assign(select=select), metrics=alone)
        [row] = report_b._best_and_last(study, ["model"]).to_dict("records")
        tested = runs.scores("test").query("metric == 'accuracy'")["value"].mean()
        assert row[column] == pytest.approx(tested) and np.isnan(row[missing])


def test_what_stands_in_for_resnet18_is_beside_its_printed_figures(with_transfer):
    frame = report_b.best_epochs(with_transfer).set_index("model")
    assert np.isnan(frame.loc["face_resnet", "reported_val"])
    assert frame.loc["resnet18_cntk", "reported_val"] == frame.loc["resnet18", "reported_val"]


def test_random_weights_have_a_row_for_each_size_and_length(transfer_frames):
    scratch = transfer_frames["scratch"]
    assert scratch[["size", "epochs"]].to_numpy().tolist() == [[96, 8], [224, 8], [96, 30]]
    assert set(scratch["seeds"]) == {2}


def test_unfreezing_counts_clipped_steps(transfer_frames, with_transfer):
    frame = transfer_frames["unfreezing"].set_index(["gradual", "rates"])
    assert len(frame) == 4 and set(frame["largest_norm"]) == {7.0} and set(frame["seeds"]) == {2}
    study = with_transfer.study("unfreezing")
    runs = study.select(thaw="", stage_decay=1.0)
    # one step an epoch: 8 training images in batches of 64
    by_run = runs.history.groupby("run")["spikes"].mean()
    assert frame.loc[(False, False), "spikes"] == pytest.approx(by_run.mean())


def test_each_networks_grid_has_one_winner_and_those_as_good(transfer_frames, with_transfer):
    grid = transfer_frames["grid"]
    assert len(grid) == 24 and set(grid["seeds"]) == {2} and grid["chosen"].sum() == 2
    for model, part in grid.groupby("model"):
        study = with_transfer.study("grid").select(model=model)
        best, top = results.winner(study), part[part["chosen"]].iloc[0]
        assert top["val"] == part["val"].max() and top["learning_rate"] == best["learning_rate"]
        cell = study.select(learning_rate=top["learning_rate"], weight_decay=top["weight_decay"])
        val = (
            cell.select(flip=top["augmented"]).scores("val").query("metric == 'accuracy'")["value"]
        )
        assert top["val_error"] == pytest.approx(val.std() / 2**0.5)
        near = part["val"] >= top["val"] - top["val_error"]
        assert part["near"].tolist() == near.tolist()
