"""Tables from frames of a few rows: which number stands in which column."""

import re

import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis.rivals import BEST_CASE, SEARCHES
from fer_utils.experiments.results import Results
from fer_utils.reporting import best_tables, loss_tables, report_b_tables, tables, transfer_tables


def rows(table: str) -> list[list[str]]:
    """The cells of a LaTeX table, header first; lines of spanning names are left out."""
    lines = [line for line in table.splitlines() if line.endswith(r" \\")]
    lines = [line for line in lines if not line.lstrip(" &").startswith(r"\multicolumn")]
    return [line.removesuffix(r" \\").split(" & ") for line in lines]


def study(values: dict[tuple, float], **settings) -> Results:
    """Accuracies by (task, loss, seed, split) as results of as many runs."""
    columns = ["task", "loss", "seed", "split", "value"]
    frame = pd.DataFrame([(*key, value) for key, value in values.items()], columns=columns)
    frame["run"] = frame["task"] + frame["loss"] + frame["seed"].astype(str)
    runs = frame[["run", "task", "loss", "seed"]].drop_duplicates().assign(**settings)
    metrics = frame[["run", "split", "value"]].assign(metric="accuracy", **{"class": ""})
    return Results(None, runs, metrics, None)


def test_averages_set_the_reported_value_before_ours():
    cell = {"class": "", "task": "binary", "metric": "accuracy", "std": 0.01}
    ours = [
        cell | {"loss": "cross_entropy", "reported": 0.9, "mean": 0.8, "points": -10.0},
        cell | {"loss": "focal", "reported": 0.6, "mean": 0.65, "points": 5.0},
    ]
    header, row = rows(tables.averages(pd.DataFrame(ours)))
    assert header == ["task", "score", *["reported", "reproduced", "diff."] * 2]
    ce, focal = ["90.0", r"80.0 $\pm$ 1.0", "$-10.0$"], ["60.0", r"65.0 $\pm$ 1.0", "$+5.0$"]
    assert row == ["two classes", "accuracy", *ce, *focal]


def test_classes_set_the_reported_value_before_ours():
    cell = {"class": "happy", "task": "binary", "loss": "focal", "std": 0.01}
    values = {"precision": (0.9, 0.8), "recall": (0.7, 0.6), "f1": (0.5, 0.4)}
    frame = pd.DataFrame(values, index=["reported", "mean"]).T.rename_axis("metric").reset_index()
    header, row = rows(tables.classes(frame.assign(**cell), "binary"))
    assert header[2:] == ["rep.", "reproduced"] * 3
    assert row[2::2] == ["90.0", "70.0", "50.0"]
    assert row[3::2] == [rf"{mean} $\pm$ 1.0" for mean in ("80.0", "60.0", "40.0")]


def test_chance_tells_what_seeds_and_images_add():
    about = {"metric": "accuracy", "task": "binary"}
    values = {"mean": 0.6, "low": 0.55, "high": 0.65, "seeds_error": 0.0123, "images_error": 0.0045}
    means = pd.DataFrame([about | values | {"loss": loss} for loss in ("cross_entropy", "focal")])
    gain = about | {"mean": 0.1, "low": 0.07, "high": 0.13}
    pairs = pd.DataFrame([gain | {"seeds_error": 0.02, "images_error": 0.001}])
    header, ce, focal, difference = rows(loss_tables.chance(pairs, means))
    assert header[2:] == ["mean", r"95\,\% interval", "seeds", "images"]
    assert ce[1:] == ["cross-entropy", "60.0", "55.0 to 65.0", "1.23", "0.45"]
    assert focal[1:] == ["focal", *ce[2:]]
    assert difference[2:] == ["$+10.0$", "$+7.0$ to $+13.0$", "2.00", "0.10"]


def test_a_claim_that_was_not_run_says_only_that():
    claim = {"report": "A", "network": "CNN", "claim": "It is", "family": "Is it?", "n": 0}
    numbers = dict.fromkeys(("reported", "mean", "low", "high", "detectable"), np.nan)
    frame = pd.DataFrame([claim | numbers | {"verdict": "not run: weights missing"}])
    text = tables.claims(frame, decided=False)
    assert r"\multicolumn{7}{l}{\emph{Is it?}}" in text
    _, row = rows(text)
    white = r"\cellcolor{white}not run: weights missing"
    assert row == ["A, CNN: it is", "", "", "", "", "", white]
    assert len(rows(tables.claims(frame, decided=True))) == 1, "a verdict is what decides"


def test_single_runs_count_who_wins():
    """p below 0.05: focal loss once ahead, cross-entropy twice."""
    gain, p = [0.02, -0.02, -0.03, 0.04], [0.01, 0.02, 0.03, 0.06]
    header, row = rows(
        loss_tables.single_runs(pd.DataFrame({"task": "binary", "gain": gain, "p": p}))
    )
    assert header == ["task", "pairs of runs", "cross-entropy", "focal", "neither"]
    assert row == ["two classes", "4", "2", "1", "1"]


def test_calibration_is_raw_before_scaled():
    values = {"ece": 0.1, "ece_scaled": 0.02, "nll": 0.9, "nll_scaled": 0.8, "temperature": 1.5}
    frame = pd.DataFrame([{"task": "binary", "loss": "focal"} | values])
    header, row = rows(tables.calibration(frame))
    assert header[2:] == ["raw", "scaled", "raw", "scaled", "temperature"]
    assert row[2:] == ["10.0", "2.0", "0.900", "0.800", "1.50"]


def test_claims_set_the_reported_difference_before_the_measured_one():
    claim = {"report": "A", "network": "CNN", "claim": "VGGFace wins", "verdict": "refuted"}
    numbers = {"reported": 0.03, "mean": -0.01, "low": -0.02, "high": 0.005, "n": 10}
    frame = pd.DataFrame([claim | numbers | {"family": "Which?", "detectable": 0.02}])
    header, row = rows(tables.claims(frame, decided=True))
    assert header[1:4] == ["reported", "measured", "95\\,\\% interval"]
    numbers = ["$+3.0$", "$-1.0$", "$-2.0$ to $+0.5$", "10", "2.0"]
    assert row == ["A, CNN: VGGFace wins", *numbers, r"\cellcolor{red!20}refuted"]
    assert len(rows(tables.claims(frame, decided=False))) == 1


def test_accuracies_set_validation_before_test():
    values = {("binary", "focal", 0, "val"): 0.7, ("binary", "focal", 0, "test"): 0.6}
    header, row = rows(tables.accuracies(study(values), ["task", "loss"]))
    assert header == ["task", "loss", "seeds", "validation", "test"]
    assert row == ["two classes", "focal", "1", "70.0", "60.0"]


def test_leaks_name_the_parts_of_the_test_images():
    parts = {"all": 0.6, "identical": 0.9, "spared": 0.8, "near": 0.7, "clean": 0.5}
    sizes = {f"{part}_images": 10 * position for position, part in enumerate(parts, start=1)}
    frame = pd.DataFrame([{"task": "binary", "loss": "focal"} | parts | sizes])
    header, row, images = rows(tables.leaks(frame))
    assert header[2:] == ["all", "identical", "of it, spared", "near only", "no copy"]
    assert row[2:] == ["60.0", "90.0", "80.0", "70.0", "50.0"]
    assert images[2:] == ["10", "20", "30", "40", "50"]


def test_the_best_networks_scores():
    cell = {"task": "seven", "class": "", "images": 3589, "seeds": 3, "low": 0.69, "high": 0.72}
    scores = [
        cell | {"metric": "accuracy", "mean": 0.7, "std": 0.01},
        cell | {"metric": "macro_f1", "mean": 0.6, "std": 0.02, "low": 0.0, "high": 1.0},
    ]
    header, row = rows(best_tables.scores(pd.DataFrame(scores)))
    assert header[3:] == ["accuracy", "95\\,\\% interval", "macro F1"]
    assert row[1:] == ["3,589", "3", r"70.0 $\pm$ 1.0", "69.0 to 72.0", r"60.0 $\pm$ 2.0"]


def test_the_rival_stands_before_ours():
    about = {"task": "seven", "network": "trained", "part": "all", "images": 3589, "seeds": 3}
    numbers = {"installed": 0.5, "rival": 0.6, "ours": 0.7, "gain": 0.1}
    frame = pd.DataFrame([about | numbers | {"gain_low": 0.08, "gain_high": 0.12}])
    header, row = rows(best_tables.rival(frame))
    assert header[5:7] == ["rival", "ours"]
    assert row[5:] == ["60.0", "70.0", "$+10.0$", "$+8.0$ to $+12.0$"]
    markdown = best_tables.readme(frame.assign(network=best_tables.TRAINED)).splitlines()[-1]
    assert re.split(r" \| ", markdown.strip("| "))[2:5] == ["50.0 %", "60.0 %", "70.0 % (3)"]


def test_the_rival_as_used_is_right_of_what_it_found_and_of_all():
    about = {"images": 3589, "right_of_found": 0.6, "accuracy": 0.3, "low": 0.28, "high": 0.32}
    frame = pd.DataFrame([about | {"way": SEARCHES[1], "found": 2000}])
    header, row = rows(best_tables.rival_as_used(frame))
    assert header[2:5] == ["faces found", "of these right", "of all right"]
    assert row[1:] == ["3,589", "2,000", "60.0", "30.0", "28.0 to 32.0"]
    # where the box is given there was nothing to find
    assert rows(best_tables.rival_as_used(frame.assign(way=BEST_CASE)))[1][2] == "given"


def test_best_epochs_are_validation_training_test():
    ours = {"model": "resnet18", "status": "", "epoch": 3.0, "seeds": 2}
    ours |= {"reported_epoch": 4, "reported_val": 0.9}
    measured = {"val": 0.8, "train": 0.85, "test_best": 0.76, "test": 0.75}
    not_run = ours | {"model": "vggface", "seeds": 0}
    header, row = rows(report_b_tables.best_epochs(pd.DataFrame([ours | measured, not_run])))
    assert header[3:8] == ["epoch", "val.", "train.", "test, best", "test, last"]
    assert row == ["ResNet18", "4", "90.0", "3", "80.0", "85.0", "76.0", "75.0", "2"]


@pytest.mark.parametrize("parted, told", [(pd.NA, "never"), (4, "4")])
def test_lengths_set_five_epochs_before_ten(parted, told):
    about = {"model": "resnet18", "rest": False, "cap": 4000}
    about |= {"task": "binary", "loss": "focal", "seeds": 2}
    frame = pd.DataFrame([about | {"short": 0.6, "long": 0.7, "gain": 0.1, "best_epoch": 7.5}])
    header, row = rows(transfer_tables.lengths(frame.assign(parted=pd.array([parted], "Int64"))))
    assert header[6:] == ["5 epochs", "10 epochs", "diff.", "best", "parts"]
    assert row[:3] == ["ResNet18", "in training", "4,000"]
    assert row[6:] == ["60.0", "70.0", "$+10.0$", "7.5", told]


def test_the_training_tables_are_counted_by_curve():
    about = {"report": "A", "network": "resnet18", "figures": 10, "reproduced": 10, "within": 7}
    counted = [
        about | {"curve": "train loss", "deviation": 12.3},
        about | {"curve": "val accuracy", "deviation": 4.5},
        about | {"network": "vggface", "curve": "val accuracy", "reproduced": 0, "within": 0},
    ]
    _, loss, accuracy, missing = rows(tables.training_coverage(pd.DataFrame(counted)))
    assert loss == ["A", "ResNet18", "training loss", "10", "10", "7", "0.12"]
    assert accuracy[-1] == "4.5" and missing[-1].endswith("{not run}")


def test_unfreezing_sets_clipped_steps_before_accuracies():
    about = {"gradual": True, "rates": False, "spikes": 0.25, "largest_norm": 31.4, "seeds": 3}
    scores = {"epoch": 6.0, "val": 0.8, "train": 0.85, "test_best": 0.76, "test": 0.75}
    _, row = rows(report_b_tables.unfreezing(pd.DataFrame([about | scores])))
    assert row == ["yes", "no", "25.0", "31", "6", "80.0", "85.0", "76.0", "75.0", "3"]


def test_of_a_grid_the_chosen_cell_and_those_as_good_are_shown():
    cell = {"model": "resnet18_cntk", "learning_rate": 1e-4, "weight_decay": 0.0, "seeds": 3}
    cell |= {"augmented": True, "val": 0.71, "val_error": 0.01, "test": 0.7}
    cells = [
        cell | {"chosen": True, "near": True},
        cell | {"chosen": False, "near": True, "val": 0.705},
        cell | {"chosen": False, "near": False, "val": 0.6},
    ]
    _, first, second = rows(report_b_tables.grid(pd.DataFrame(cells)))
    assert first[1:] == ["0.0001", "0", "yes", "71.0 $\\pm$ 1.0", "70.0", "3", "chosen"]
    assert second[4].startswith("70.5") and second[-1] == ""


def test_gaps_and_layers_say_what_was_run():
    gap = {"study": "resnet18", "model": "resnet18_cntk", "epochs": 10, "loss": "focal"}
    gap |= {"seeds": 3, "gap": 0.01, "largest": 0.02, "best": 0.03}
    _, row = rows(transfer_tables.gaps(pd.DataFrame([gap])))
    assert row[0] == "ResNet18 (CNTK weights), frozen in training"
    assert row[4:] == ["$+1.0$", "$+2.0$", "$+3.0$"]
    layers = pd.DataFrame({"stages": [1, 6], "n": 2, "mean": 0.5, "low": 0.4, "high": 0.6})
    _, one, every = rows(transfer_tables.layers(layers))
    assert one == ["1", "2", "50.0", "40.0 to 60.0"] and every[0] == "all"
