"""LaTeX tables on what the labels are worth, from label_evidence."""

import pandas as pd

from fer_utils.analysis.label_evidence import Frames
from fer_utils.analysis.people_and_networks import ALL, PEOPLE
from fer_utils.analysis.restricted import TRAINED
from fer_utils.data.tasks import TASK_NAMES
from fer_utils.reporting.latex import Tex, booktabs, percent, word

SPLIT = "PrivateTest"  # on which networks of seven classes are tested
SHOWN = ("cnn", "small_resnet", "fer", PEOPLE)  # networks that have several tasks, and people


def make(pages: Frames) -> dict[str, str]:
    """Every table, by file name; none where there are no pages."""
    if not {"agreement", "answers"} <= set(pages):
        return {}
    return {
        "labels": classes(pages["agreement"], pages["answers"]),
        "labels_tasks": tasks(pages["answers"]),
    }


def share(mean: float, low: float, high: float) -> Tex:
    """A share in percent with its interval; without, where it has none."""
    ends = "" if pd.isna(low) else rf"\,({percent(low)}--{percent(high)})"
    return Tex(f"{percent(mean)}{ends}")


def classes(agreement: pd.DataFrame, answers: pd.DataFrame) -> str:
    """One row per class: how often people name its label, and the network of seven classes."""
    network = (answers["task"] == "seven") & (answers["kind"] == TRAINED)
    recall = answers[network].drop_duplicates("part").set_index("part")
    rows = []
    for r in agreement[agreement["split"] == SPLIT].rename(columns={"class": "of"}).itertuples():
        one = share(r.single, r.single_low, r.single_high)
        most = share(r.majority, r.majority_low, r.majority_high)
        ours = share(*recall.loc[r.of, ["label", "label_low", "label_high"]])
        rows.append([r.of, f"{r.images:,}", one, most, percent(r.tied), percent(r.no_class), ours])
    header = ["label", "images", "one person", "most frequent", "tied", "no class", "small ResNet"]
    return booktabs(header, rows)


def tasks(answers: pd.DataFrame) -> str:
    """One row per answerer, one column per task: share of answers that are the label."""
    whole = answers[(answers["part"] == ALL) & answers["network"].isin(SHOWN)]
    cells = whole.set_index(["network", "kind", "loss", "task"])
    rows = []
    for network, kind, loss in dict.fromkeys(key[:3] for key in cells.index):
        row = [
            word(network),
            ", ".join(filter(None, [kind, word(loss) if network == "cnn" else ""])),
        ]
        for task in TASK_NAMES:
            key = (network, kind, loss, task)
            there = key in cells.index
            columns = ["label", "label_low", "label_high"]
            row.append(share(*cells.loc[key, columns]) if there else "")
        rows.append(row)
    counts = whole.drop_duplicates("task").set_index("task")["images"]
    rows.append(
        ["images", "", *(f"{counts[task]:,}" if task in counts else "" for task in TASK_NAMES)]
    )
    return booktabs(["who", "", *TASK_NAMES.values()], rows, left=2)
