"""The chapters on pretrained networks: tables, figures and numbers fit each other and the text."""

import re
from types import SimpleNamespace

import pandas as pd

from fer_utils import paths
from fer_utils.analysis import transfer
from fer_utils.experiments import studies
from fer_utils.reporting import (
    report_b_numbers,
    report_b_tables,
    transfer_numbers,
    transfer_plots,
)
from fer_utils.reporting import transfer_tables as tables
from fer_utils.reporting.latex import word


def test_every_table_is_whole_and_every_figure_drawn(transfer_frames, with_transfer):
    texts = tables.make(transfer_frames) | report_b_tables.make(transfer_frames)
    assert len(texts) == 10
    for name, text in texts.items():
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        widths = {_width(line) for line in rows if "cmidrule" not in line}
        assert len(widths - {None}) == 1, name
    assert not any(studies.NOT_RUN in text for text in texts.values())
    names = {"transfer_overfitting", "report_b_curves", "grid"}
    assert set(transfer_plots.make(with_transfer, transfer_frames)) == names


def test_of_a_study_that_was_stopped_the_table_has_what_was_run(with_transfer):
    first = with_transfer.study("transfer").runs.iloc[:1]
    cells = transfer.accuracies(with_transfer.select(run=list(first["run"])))
    rows = [line for line in tables.accuracies(cells).splitlines() if " & 4,000 & " in line]
    assert len(rows) == 2  # for each loss
    assert all(row.startswith(word(first["model"].item())) for row in rows)


def test_the_readmes_table(transfer_frames):
    rows = [line.strip("| ").split(" | ") for line in tables.readme(transfer_frames).splitlines()]
    cells = {network: dict(zip(rows[0][1:], values, strict=True)) for network, *values in rows[2:]}
    assert "VGGFace" not in cells and cells["face ResNet (dlib)"]["two classes"] == "–"
    assert cells["MobileNetV2"]["images a class"] == "4,000"
    cell = transfer_frames["transfer"].query(
        "model == 'mobilenet_v2' and task == 'binary' and epochs == 10 and loss == 'cross_entropy'"
    )
    tested = transfer_frames["report_b_epochs"].set_index("model").loc["mobilenet_v2", "test_best"]
    assert cells["MobileNetV2"]["two classes"] == f"{cell['mean'].item() * 100:.1f} % (2)"
    assert cells["MobileNetV2"]["three classes"] == f"{tested * 100:.1f} % (2)"


def _width(line: str) -> int | None:
    """Columns of a LaTeX row; None for the line of spanning names."""
    spans = [int(width) for width in re.findall(r"multicolumn{(\d+)}", line)]
    return None if len(spans) > 1 else line.count("&") + 1 + sum(spans) - len(spans)


def test_every_number_that_the_chapters_use_is_defined(transfer_frames, with_transfer):
    names = ("transfer", "report_b", "appendix_transfer")
    chapters = [paths.REPORT / "sections" / f"{name}.tex" for name in names]
    text = "".join(chapter.read_text() for chapter in chapters)
    used = set(re.findall(r"\\(?:fer|plural)\{([^}#]+)\}", text))
    of_others = {"dataset", "binary.cross_entropy.accuracy", "multiclass.cross_entropy.accuracy"}
    defined = transfer_numbers.numbers(with_transfer, transfer_frames)
    defined |= report_b_numbers.numbers(with_transfer, transfer_frames)
    # of studies that need images' draws; test_resnet_remarks has these
    further = ("layers.", "sizes.", "gaps.", "resnet18.median.")
    # and of a loss that rises as stages are unfrozen, which it does not here
    further += ("report_b.thaw.",)
    assert {key for key in used - of_others if not key.startswith(further)} == set(defined)


def test_the_largest_rise_of_the_loss_at_an_unfreezing_is_told():
    runs = pd.DataFrame({"run": ["a", "b"], "model": ["mobilenet_v2", "face_resnet"]})
    losses = [("a", 1, 0.9), ("a", 2, 0.5), ("a", 3, 0.7), ("b", 1, 0.8), ("b", 2, 0.9)]
    history = pd.DataFrame(losses, columns=["run", "epoch", "train_loss"])
    schedule = pd.DataFrame(
        [("mobilenet_v2", 1, "head"), ("mobilenet_v2", 3, "stage4 head"), ("face_resnet", 2, "fc")],
        columns=["model", "epoch", "learning"],
    )
    told = report_b_numbers._thaw(SimpleNamespace(runs=runs, history=history), schedule)
    assert list(told.values()) == ["MobileNetV2", "stage4, head", "3", "0.50", "0.70"]
    falling = history.assign(train_loss=-history["epoch"])
    assert not report_b_numbers._thaw(SimpleNamespace(runs=runs, history=falling), schedule)


def test_the_remarks_on_resnet18_have_the_numbers_of_their_sentences():
    layers = pd.DataFrame({"stages": [1, 2, 6], "n": 2, "mean": [0.5, 0.6, 0.7]})
    sizes = pd.DataFrame(
        {"model": ["cnn"] * 2 + ["resnet18_cntk"] * 2, "images": [250, 4000] * 2, "n": 3}
    ).assign(mean=[0.4, 0.6, 0.5, 0.55])
    gaps = pd.DataFrame({"study": ["report_a", "dedupe"], "seeds": [5, 4], "gap": [0.01, -0.01]})
    gaps = gaps.assign(largest=[0.03, 0.02], best=[0.02, 0.03])
    median = pd.DataFrame({"metric": "accuracy", "mean": [-0.01, 0.02]})
    frames = {"layers": layers, "sizes": sizes, "gaps": gaps, "resnet18_median": median}
    texts = transfer_numbers.numbers(None, frames)
    assert [texts[f"layers.{key}"] for key in ("one", "two", "all")] == ["50.0", "60.0", "70.0"]
    assert (texts["sizes.least"], texts["sizes.most"], texts["sizes.seeds"]) == (
        "250",
        "4,000",
        "3",
    )
    assert texts["sizes.resnet18.doubled"] == "$+5.0$" and texts["sizes.cnn.last"] == "60.0"
    assert texts["gaps.reported"] == "$+10.8$" and texts["gaps.largest"] == "$+3.0$"
    assert (texts["gaps.cnn"], texts["gaps.dedupe"]) == ("$+1.0$", "$-1.0$")
    assert texts["gaps.epoch"] == "$+4.0$" and texts["gaps.runs"] == "9"
    assert texts["resnet18.median.low"] == "$-1.0$"
    sections = (paths.REPORT / "sections").glob("*transfer.tex")
    section = "".join(path.read_text() for path in sections)
    used = set(re.findall(r"\\fer\{((?:layers|sizes|gaps|resnet18)\.[^}]+)\}", section))
    assert used == set(texts)
