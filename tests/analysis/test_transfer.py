"""Studies transfer, report_b and grid in frames, tables and numbers, on runs with made-up scores."""

import re

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claims, reproduction, transfer
from fer_utils.experiments import recipes, results, studies
from fer_utils.models.registry import find_model
from fer_utils.reporting import transfer_numbers, transfer_plots
from fer_utils.reporting import transfer_tables as tables


@pytest.fixture(scope="module")
def frames(with_transfer):
    return transfer.frames(with_transfer) | {
        "reproduction": reproduction.every_figure(with_transfer)
    }


def test_networks_are_cut_as_the_study_freezes_them():
    made = transfer.networks(
        pd.DataFrame([vars(e) for e in recipes.make_study("transfer", "fer2013")])
    )
    resnet = made.set_index("model").loc["resnet18"]
    assert (resnet["frozen"], resnet["learning"]) == ("stem layer1 layer2 layer3", "layer4 fc")
    assert resnet["parameters"] == sum(
        p.numel() for p in find_model("resnet18").architecture(4).parameters()
    )
    assert made["size"].tolist() == [224, 240, 224, 224]
    assert (made["learning_parameters"] < made["parameters"]).all()


def test_every_cell_of_the_study_has_a_row_run_or_not(frames, with_transfer):
    cells = frames["transfer"]
    assert len(cells) == 4 * 2 * 2 * 2
    missing = cells[cells["model"] == "efficientnet_b1"]
    assert set(missing["status"]) == {studies.NOT_RUN} and missing["mean"].isna().all()
    assert set(cells.loc[cells["model"] != "efficientnet_b1", "seeds"]) == {2}
    resnet = cells.query(
        "model == 'resnet18' and epochs == 5 and task == 'binary' and loss == 'focal'"
    ).iloc[0]
    assert resnet["reported"] == pytest.approx(0.8828, abs=1e-4)
    scores = (
        with_transfer.study("transfer")
        .scores()
        .query("metric == 'accuracy' and model == 'resnet18'")
    )
    here = scores.query("epochs == 5 and task == 'binary' and loss == 'focal'")["value"]
    assert resnet["mean"] == pytest.approx(here.mean())


def test_five_epochs_against_ten(frames):
    lengths = frames["transfer_lengths"]
    assert len(lengths) == 3 * 2 * 2 and set(lengths["seeds"]) == {2}
    assert (lengths["gain"] - (lengths["long"] - lengths["short"])).abs().max() < 1e-12
    assert lengths["best_epoch"].between(1, 10).all()
    assert (
        lengths["parted"].between(4, 8).all()
    )  # training rises from 50 to 90 %, validation stays at 60 to 70


def test_a_study_that_was_stopped_leaves_cells_without_seeds(with_transfer):
    first = with_transfer.study("transfer").runs["run"].iloc[:1]
    part = with_transfer.select(run=list(first))
    cells = transfer.accuracies(part)
    assert (cells["seeds"] > 0).sum() == 1 and transfer.lengths(part).empty
    assert tables.accuracies(cells).count("not run: weights missing") == 4


def test_report_bs_best_epochs(frames, with_transfer):
    epochs = frames["report_b_epochs"].set_index("model")
    assert list(epochs.index) == [
        "resnet18",
        "resnet18_scratch",
        "mobilenet_v2",
        "vggface",
        "face_resnet",
    ]
    assert epochs.loc["vggface", "status"] == studies.NOT_RUN
    assert epochs.loc["vggface", ["reported_epoch", "reported_val"]].tolist() == [4, 0.958]
    assert epochs["reported_val"].isna().sum() == 2
    history = with_transfer.study("report_b").select(model="resnet18").history
    assert epochs.loc["resnet18", "val"] == pytest.approx(
        history.groupby("run")["val_accuracy"].max().mean()
    )


def test_the_schedule_is_the_studys(frames):
    schedule = frames["report_b_schedule"].set_index(["model", "epoch"])
    assert schedule.loc[("resnet18", 5), "learning"] == "layer3 layer4 fc"
    assert schedule.loc[("resnet18", 5), "rates"] == "2.5e-05 5e-05 0.0001"
    assert schedule.loc[("vggface", 1), "learning"] == "fc8"
    assert schedule.loc["resnet18_scratch"].index.tolist() == [1]
    assert schedule.loc[("resnet18_scratch", 1), "rates"] == "0.0005"  # one for all stages
    assert "conv5" in schedule.loc[("vggface", 5), "learning"]


def test_the_grid_has_one_winner(frames, with_transfer):
    grid = frames["grid"]
    best = results.winner(with_transfer.study("grid"))
    assert len(grid) == 12 and grid["chosen"].sum() == 1 and set(grid["seeds"]) == {2}
    assert grid.loc[grid["chosen"], "val"].item() == grid["val"].max()
    assert grid.loc[grid["chosen"], "learning_rate"].item() == best["learning_rate"]


def test_figures_of_both_reports_stand_beside_ours(frames):
    beside = frames["reproduction"].query("seeds > 0")
    counts = beside.groupby(["report", "model"]).size()
    assert (
        counts["A", "resnet18"] == 108 + 20
        and counts["B", "resnet18"] == counts["B", "resnet18_scratch"] == 32
    )
    assert ("B", "vggface") not in counts
    coverage = reproduction.coverage(frames["reproduction"]).set_index(["report", "network"])
    assert coverage.loc[("A", "resnet18, 5 epochs"), "reproduced"] == 54
    assert (
        coverage.loc[("B", "resnet18"), "reproduced"] == 16
        and coverage.loc[("B", "vggface"), "reproduced"] == 0
    )


def test_claims_on_pretrained_networks_are_judged_where_there_are_runs(with_transfer):
    judged = claims.judge(with_transfer).set_index(["network", "claim"])
    assert (judged.loc["ResNet18, 5 epochs", "n"] == 2).all() and (
        judged.loc["MobileNetV2", "n"] == 2
    ).all()
    assert judged.loc["EfficientNet-B1", "verdict"].tolist() == [studies.NOT_RUN]
    of_b = judged.loc["three networks"]
    assert of_b.loc["ResNet18 is better pretrained than from random weights", "n"] == 2
    assert (of_b.loc[of_b.index.str.contains("VGGFace"), "verdict"] == studies.NOT_RUN).all()
    assert (judged.loc["CNN", "n"] > 0).all()


def test_every_table_is_whole_and_every_figure_drawn(frames, with_transfer):
    made = tables.make(frames)
    assert len(made) == 7
    for name, text in made.items():
        widths = {
            _width(line)
            for line in text.splitlines()
            if line.endswith(r"\\") and "cmidrule" not in line
        }
        assert len(widths - {None}) == 1, name
    assert made["report_b_classes"].count(studies.NOT_RUN) == 6  # VGGFace's lines
    assert set(transfer_plots.make(with_transfer, frames)) == {
        "transfer_overfitting",
        "report_b_curves",
        "grid",
    }


def test_the_readmes_table(frames):
    rows = [line.strip("| ").split(" | ") for line in tables.readme(frames).splitlines()]
    cells = {network: dict(zip(rows[0][1:], values, strict=True)) for network, *values in rows[2:]}
    assert cells["VGGFace"] == {
        "two classes": "–",
        "four classes": "–",
        "three classes": "not run: weights missing",
    }
    cell = frames["transfer"].query(
        "model == 'mobilenet_v2' and task == 'binary' and epochs == 10 and loss == 'cross_entropy'"
    )
    tested = frames["report_b_epochs"].set_index("model").loc["mobilenet_v2", "test"]
    assert cells["MobileNetV2"]["two classes"] == f"{cell['mean'].item() * 100:.1f} % (2)"
    assert cells["MobileNetV2"]["three classes"] == f"{tested * 100:.1f} % (2)"


def _width(line: str) -> int | None:
    """Columns of a LaTeX row; None for the line of spanning names."""
    spans = [int(width) for width in re.findall(r"multicolumn{(\d+)}", line)]
    return None if len(spans) > 1 else line.count("&") + 1 + sum(spans) - len(spans)


def test_every_number_that_the_chapters_use_is_defined(frames, with_transfer):
    text = "".join(
        (paths.REPORT / "sections" / f"{name}.tex").read_text() for name in ("transfer", "report_b")
    )
    used = set(re.findall(r"\\fer\{([^}#]+)\}", text))
    of_others = {"dataset", "binary.cross_entropy.accuracy", "multiclass.cross_entropy.accuracy"}
    assert used - of_others == set(transfer_numbers.numbers(with_transfer, frames)), (
        "defined and used"
    )


def test_without_the_studies_there_are_no_chapters():
    reference = results.open_results("fer2013", paths.CHECKOUT / "results")
    present = {name for name in ("transfer", "report_b", "grid") if reference.has_study(name)}
    assert {name.split("_")[0] for name in transfer.frames(reference)} == {
        name.split("_")[0] for name in present
    }
