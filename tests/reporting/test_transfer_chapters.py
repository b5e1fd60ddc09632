"""The chapters on pretrained networks: tables, figures and numbers fit each other and the text."""

import re

from fer_utils import paths
from fer_utils.analysis import transfer
from fer_utils.experiments import studies
from fer_utils.reporting import transfer_numbers, transfer_plots
from fer_utils.reporting import transfer_tables as tables


def test_every_table_is_whole_and_every_figure_drawn(transfer_frames, with_transfer):
    texts = tables.make(transfer_frames)
    assert len(texts) == 7
    for name, text in texts.items():
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        widths = {_width(line) for line in rows if "cmidrule" not in line}
        assert len(widths - {None}) == 1, name
    assert texts["report_b_classes"].count(studies.NOT_RUN) == 6  # VGGFace's lines
    names = {"transfer_overfitting", "report_b_curves", "grid"}
    assert set(transfer_plots.make(with_transfer, transfer_frames)) == names


def test_of_a_study_that_was_stopped_the_table_says_what_lacks_weights(with_transfer):
    first = with_transfer.study("transfer").runs["run"].iloc[:1]
    cells = transfer.accuracies(with_transfer.select(run=list(first)))
    assert tables.accuracies(cells).count(studies.NOT_RUN) == 4


def test_the_readmes_table(transfer_frames):
    rows = [line.strip("| ").split(" | ") for line in tables.readme(transfer_frames).splitlines()]
    cells = {network: dict(zip(rows[0][1:], values, strict=True)) for network, *values in rows[2:]}
    assert cells["VGGFace"] == {
        "two classes": "–",
        "four classes": "–",
        "three classes": "not run: weights missing",
    }
    cell = transfer_frames["transfer"].query(
        "model == 'mobilenet_v2' and task == 'binary' and epochs == 10 and loss == 'cross_entropy'"
    )
    tested = transfer_frames["report_b_epochs"].set_index("model").loc["mobilenet_v2", "test"]
    assert cells["MobileNetV2"]["two classes"] == f"{cell['mean'].item() * 100:.1f} % (2)"
    assert cells["MobileNetV2"]["three classes"] == f"{tested * 100:.1f} % (2)"


def _width(line: str) -> int | None:
    """Columns of a LaTeX row; None for the line of spanning names."""
    spans = [int(width) for width in re.findall(r"multicolumn{(\d+)}", line)]
    return None if len(spans) > 1 else line.count("&") + 1 + sum(spans) - len(spans)


def test_every_number_that_the_chapters_use_is_defined(transfer_frames, with_transfer):
    chapters = [paths.REPORT / "sections" / f"{name}.tex" for name in ("transfer", "report_b")]
    text = "".join(chapter.read_text() for chapter in chapters)
    used = set(re.findall(r"\\fer\{([^}#]+)\}", text))
    of_others = {"dataset", "binary.cross_entropy.accuracy", "multiclass.cross_entropy.accuracy"}
    assert used - of_others == set(transfer_numbers.numbers(with_transfer, transfer_frames))
