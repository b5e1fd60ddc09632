"""Figures of the pretrained networks, by the data that they draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis.reported import reported_a_epochs
from fer_utils.experiments.results import Results
from fer_utils.reporting import transfer_plots
from fer_utils.reporting.transfer_plots import MODEL_COLOURS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def epochs(run, train, val):
    frame = pd.DataFrame({"epoch": [1, 2], "train_accuracy": train, "val_accuracy": val})
    return frame.assign(run=run, train_loss=1 - np.array(train), val_loss=1 - np.array(val))


def drawn(axis, model):
    """The curves of a network by line style, as lists of values."""
    lines = [each for each in axis.lines if each.get_color() == MODEL_COLOURS[model]]
    return {each.get_linestyle(): each.get_xydata().T.tolist() for each in lines}


@pytest.fixture
def study():
    """Two seeds of ResNet18 and one of MobileNetV2 by report A's example, and another run."""
    runs = pd.DataFrame(
        {
            "run": list("abcd"),
            "model": ["resnet18", "resnet18", "mobilenet_v2", "resnet18"],
            "loss": ["focal"] * 3 + ["cross_entropy"],
            "rest": True,
            "cap": 4000,
        }
    )
    histories = [
        epochs("a", [0.4, 0.8], [0.3, 0.5]),
        epochs("b", [0.6, 0.8], [0.5, 0.5]),
        epochs("c", [0.2, 0.3], [0.1, 0.2]),
        epochs("d", [0.0, 0.0], [0.0, 0.0]),
    ]
    metrics = pd.DataFrame(columns=["run"])
    return Results(None, runs.assign(task="multiclass", epochs=10), metrics, pd.concat(histories))


def test_overfitting_shows_the_reports_curves_and_every_network(study):
    reported, ours, other = transfer_plots.overfitting(study).axes
    titles = ["ResNet18, as reported", "ResNet18", "MobileNetV2"]
    assert [axis.get_title() for axis in (reported, ours, other)] == titles
    printed = reported_a_epochs()
    assert reported.lines[0].get_ydata() == pytest.approx(printed["train_accuracy"])
    assert reported.lines[1].get_ydata() == pytest.approx(printed["val_accuracy"])
    assert [ours.lines[i].get_ydata().tolist() for i in (0, 1)] == [[0.5, 0.8], [0.4, 0.5]]
    assert [other.lines[i].get_ydata().tolist() for i in (0, 1)] == [[0.2, 0.3], [0.1, 0.2]]


def test_with_models_names_each_runs_network(study):
    frame = transfer_plots.with_models(study)
    assert frame.groupby("run")["model"].first().tolist() == study.runs["model"].tolist()


def test_curves_are_means_over_seeds_dashed_for_training(study):
    ours = transfer_plots.with_models(study.select(loss="focal"))
    reported = epochs("", [0.7, 0.9], [0.6, 0.8]).assign(model="vggface")
    figure = transfer_plots.curves(ours, reported)
    loss, accuracy, theirs = figure.axes
    assert [axis.get_title() for axis in figure.axes] == [
        "loss, ours", "accuracy, ours", "accuracy, as reported",
    ]  # fmt: skip
    assert drawn(accuracy, "resnet18") == {
        "--": [[1, 2], pytest.approx([0.5, 0.8])],
        "-": [[1, 2], pytest.approx([0.4, 0.5])],
    }
    assert drawn(loss, "resnet18") == {
        "--": [[1, 2], pytest.approx([0.5, 0.2])],
        "-": [[1, 2], pytest.approx([0.6, 0.5])],
    }
    assert drawn(theirs, "vggface") == {"--": [[1, 2], [0.7, 0.9]], "-": [[1, 2], [0.6, 0.8]]}
    assert drawn(theirs, "resnet18") == {} and len(accuracy.lines) == 4
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["ResNet18", "MobileNetV2", "VGGFace", "training", "validation"]
    assert [line.get_linestyle() for line in legend.get_lines()][-2:] == ["--", "-"]


@pytest.fixture
def cells():
    """Eight cells of a grid. Test accuracy is 90 % everywhere: it must not appear."""
    settings = [(rate, decay) for rate in (1e-3, 1e-2) for decay in (0, 1e-3)] * 2
    frame = pd.DataFrame(settings, columns=["learning_rate", "weight_decay"])
    position = np.arange(8)
    frame = frame.assign(augmented=position >= 4, val=0.5 + position / 100, test=0.9, model="cnn")
    return frame.assign(chosen=position == 6)


def test_the_grid_shows_validation_and_boxes_the_winner(cells):
    plain, augmented = transfer_plots.grid(cells).axes[:2]
    assert [text.get_text() for text in plain.texts] == ["52.0", "53.0", "50.0", "51.0"]
    assert [text.get_text() for text in augmented.texts] == ["56.0", "57.0", "54.0", "55.0"]
    assert (plain.get_title(), augmented.get_title()) == ("no augmentation", "augmentation")
    assert [label.get_text() for label in plain.get_xticklabels()] == ["0", "0.001"]
    assert [label.get_text() for label in plain.get_yticklabels()] == ["0.01", "0.001"]
    assert plain.collections[0].get_clim() == pytest.approx((50, 57))
    (box,) = augmented.patches
    assert box.get_xy() == (0, 0) and not plain.patches  # the upper left cell: 0.01 and 0


def test_each_network_of_a_grid_has_a_row_of_panels(cells):
    both = pd.concat([cells, cells.assign(model="face_resnet", val=cells["val"] + 0.1)])
    *panels, _ = transfer_plots.grid(both).axes
    assert [axis.get_title() for axis in panels] == ["no augmentation", "augmentation", "", ""]
    names = [axis.get_ylabel().partition("\n")[0] for axis in panels]
    assert names == ["CNN", "", "face ResNet (dlib)", ""]
    assert [axis.texts[0].get_text() for axis in panels] == ["52.0", "56.0", "62.0", "66.0"]


def test_sizes_are_drawn_with_their_intervals():
    frame = pd.DataFrame({"model": ["resnet18_cntk"] * 2, "images": [4000, 250]})
    frame = frame.assign(mean=[0.6, 0.5], low=[0.58, 0.45], high=[0.62, 0.55])
    (axis,) = transfer_plots.sizes(frame).axes
    assert axis.lines[0].get_xydata().tolist() == [[250, 50], [4000, 60]]
    (bars,) = axis.collections
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [
        pytest.approx([45, 55]), pytest.approx([58, 62]),
    ]  # fmt: skip
    assert [label.get_text() for label in axis.get_xticklabels()] == ["250", "4,000"]


def test_make_draws_what_there_is(cells):
    """All three are drawn in test_transfer."""
    assert set(transfer_plots.make(None, {"grid": cells})) == {"grid"}
    assert transfer_plots.make(None, {}) == {}


def test_accuracies_have_a_row_for_each_network_that_was_run():
    columns = ["model", "rest", "cap", "epochs", "task", "loss", "mean", "seeds", "reported"]
    rows = [
        ("resnet18_cntk", False, 4000, 5, "binary", "focal", 0.9, 2, 0.88),
        ("resnet18_cntk", False, 4000, 10, "multiclass", "cross_entropy", 0.66, 1, 0.59),
        ("mobilenet_v2", True, 1000, 10, "binary", "focal", 0.87, 1, float("nan")),
        ("resnet18", True, 1000, 5, "binary", "focal", float("nan"), 0, 0.88),  # not run
    ]
    figure = transfer_plots.accuracies(pd.DataFrame(rows, columns=columns))
    binary, multiclass = figure.axes
    names = [label.get_text() for label in binary.get_yticklabels()]
    assert names == ["ResNet18 (CNTK weights), 4,000 a class, training mode",
                     "MobileNetV2, 1,000 a class"]  # fmt: skip
    dots = [dot.get_xydata()[0].tolist() for dot in binary.lines if dot.get_marker() == "o"]
    assert dots == [[0.9, 0], [0.87, 1]]
    hollow = [
        dot.get_markerfacecolor() == "white" for dot in binary.lines if dot.get_marker() == "o"
    ]
    assert hollow == [True, False]  # 5 epochs, 10 epochs
    assert [dot.get_xydata()[0].tolist() for dot in multiclass.lines] == [[0.66, 0], [0.59, 0.25]]
