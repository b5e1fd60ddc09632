"""The model card, of the committed file, and of answers of our own."""

import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from golden.build import COMMITTED

from fer_utils import load_best, paths
from fer_utils.experiments.results import open_results
from fer_utils.reporting import (
    best_export,
    best_network,
    card_header,
    card_plots,
    card_tables,
    card_text,
    model_card,
)
from fer_utils.reporting.card_evidence import Evidence

CARD = (COMMITTED / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Of the committed file, with a confusion matrix, calibration and counts of our own."""
    results = open_results("fer2013", COMMITTED.parent)
    path = COMMITTED / "best" / best_export.NAME
    file = best_export.ExportedFile(path, load_best(path), "abc123", "2026-01-31", {})
    classes = list(file.classes)
    frames = best_network.read("fer2013", COMMITTED.parent)
    run = results.runs.set_index("run").loc[file.predictor.about["run"]].to_dict()
    counts = pd.DataFrame({"Training": range(10, 17), "PublicTest": 2}, index=classes)
    confusion = pd.DataFrame(np.eye(7, dtype=int), index=classes, columns=classes)
    calibration = {"ece": 0.1, "ece_scaled": 0.02, "temperature": 0.5}
    return Evidence(file, run, frames, counts, confusion, calibration)


def section(card: str, title: str) -> str:
    return card.split(f"## {title}\n")[1].split("\n## ")[0].strip()


def head(card: str) -> dict:
    _, text, _ = card.split("---\n", 2)
    return yaml.safe_load(text)


def test_the_head_is_what_the_hub_reads():
    """The structure of huggingface_hub's model_index_to_eval_results, and its required keys."""
    content = head(CARD)
    assert content["license"] == "mit" and content["pipeline_tag"] == "image-classification"
    assert all(isinstance(content[name], list) for name in ("tags", "datasets", "metrics"))
    (model,) = content["model-index"]
    assert model["name"] == "small_resnet-fer2013-seven"
    (result,) = model["results"]
    assert result["task"]["type"] == "image-classification"
    assert {"type", "name"} <= set(result["dataset"])
    assert result["dataset"]["split"] == "PrivateTest"
    measured = {metric["type"]: metric["value"] for metric in result["metrics"]}
    frame = pd.read_csv(COMMITTED / "best" / "exported.csv", keep_default_na=False)
    seven = frame.query("task == 'seven' and `class` == ''").set_index("metric")["value"]
    expected = {"accuracy": seven["accuracy"], "f1": seven["macro_f1"]}
    assert measured == {name: round(value, 4) for name, value in expected.items()}


def test_a_split_of_all_test_images_is_no_private_test():
    about = {"dataset": "x", "digest": "0", "protocol": "a part of the training images validates"}
    scores = pd.DataFrame({"class": "", "metric": ["accuracy", "macro_f1"], "value": [0.5, 0.25]})
    content = head(card_header.header(about, scores, "name", "task", "X"))
    (result,) = content["model-index"][0]["results"]
    assert result["dataset"]["split"] == "test"
    assert [metric["value"] for metric in result["metrics"]] == [0.5, 0.25]


def test_use_and_misuse_come_first():
    assert re.findall(r"^## (.*)$", CARD, re.MULTILINE)[0] == "Intended use and misuse"
    use = " ".join(section(CARD, "Intended use and misuse").split())
    assert "Not for any judgement of people" in use and "Article 5(1)(f)" in use
    assert "Barrett" in use


def test_no_number_is_written_by_hand():
    texts = (card_text.USE, card_text.FACTORS, card_text.RECOMMENDATIONS, card_text.OTHER_DATA)
    assert not any(re.search(r"\d", text) for text in texts)
    # names of data sets, years of references and the law's number are not measured
    cited = r"FER2013|\d{4}\)|\(EU\) 2024/1689|Article 5\(1\)\(f\)"
    others = (card_text.LAW, card_text.SCIENCE, card_text.FER2013)
    assert not any(re.search(r"\d", re.sub(cited, "", text)) for text in others)


def test_details_are_those_of_the_file(evidence):
    card = model_card.write(evidence)
    details = section(card, "Model details")
    assert "`abc123`" in details and "measured on 2026-01-31" in details
    assert "0 angry, 1 disgust, 2 fear, 3 happy, 4 neutral, 5 sad, 6 surprise" in details
    stages = [
        line.split("|")
        for line in details.splitlines()
        if re.match(r"\| (stem|stage\d|head) ", line)
    ]
    assert [row[1].strip() for row in stages] == [
        "stem", "stage1", "stage2", "stage3", "stage4", "head"
    ]  # fmt: skip
    parameters = sum(int(row[3].replace(",", "")) for row in stages)
    assert parameters == evidence.about["parameters"]
    assert stages[0][2].strip() == "32×24×24" and stages[-1][2].strip() == "7"


def test_training_lists_what_was_on_and_the_images_of_each_class(evidence):
    training = section(model_card.write(evidence), "Training")
    assert "| optimiser | AdamW |" in training and "| label smoothing | 0.1 |" in training
    assert "| dropout before the head | 0.2 |" in training, "the network's own"
    assert "mixup" not in training, "it was off"
    assert "| angry | 10 | 2 |" in training and "| all | 91 | 14 |" in training
    hours = evidence.run["total_seconds"] / 3600
    assert f"{hours:.1f} hours" in training


def test_the_confusion_has_true_classes_in_rows(evidence):
    """Of 4 happy images 3 are recognised; of 10 sad ones 9 are taken for happy."""
    classes = ["happy", "sad"]
    counts = pd.DataFrame([[3, 1], [9, 1]], index=classes, columns=classes)
    header, _, happy, sad = card_tables.confusion(counts).splitlines()
    assert header == "| label ↓ answer → | happy | sad |"
    assert happy == "| happy | 75.0 | 25.0 |" and sad == "| sad | 90.0 | 10.0 |"


def test_calibration_and_people_are_left_out_or_told(evidence):
    card = model_card.write(evidence)
    assert "off by 10.0 points" in card and "divided by 0.50" in card and "by 2.0." in card
    assert "one person, %" not in card and "What the labels are worth" not in re.findall(
        r"^## (.*)$", card, re.MULTILINE
    )
    agreement = pd.read_csv(COMMITTED / "labels" / "agreement.csv")
    told = model_card.write(replace(evidence, agreement=agreement))
    angry = agreement.query("split == 'PrivateTest' and `class` == 'angry'").iloc[0]
    row = next(line for line in told.splitlines() if line.startswith("| angry | 491 |"))
    assert row.endswith(f"| {angry['single'] * 100:.1f} | {angry['majority'] * 100:.1f} |")
    images = agreement.loc[agreement["split"] == "PrivateTest", "images"].max()
    assert f"{images:,} of the test images" in told


def test_another_data_set_is_told_nothing_of_fer2013s_people(evidence):
    assert "has to be added by whoever made" in card_text.people("mine")
    assert "web search" in card_text.people("fer2013")


def test_the_card_shows_no_photograph():
    """Its pictures are figures that are made from numbers and drawings."""
    pictures = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", CARD)
    assert {name for _, name in pictures} == {
        "best/expressions.png", "best/abstention.png", "best/other_pictures.png"
    }  # fmt: skip
    assert all(len(alternative) > 40 for alternative, _ in pictures)
    readme = (paths.CHECKOUT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme))
    assert shown <= {"docs/paired_seeds.png", "results/fer2013/best/expressions.png"}


def test_answers_by_expression_with_drawn_faces():
    scores = pd.DataFrame(
        [("recall", "sad", 0.4, 0.3, 0.5, 10), ("recall", "happy", 0.9, 0.8, 0.95, 10),
         ("recall", "calm", 0.2, 0.1, 0.3, 10), ("precision", "sad", 0.5, 0.4, 0.6, 10)],
        columns=["metric", "class", "value", "low", "high", "images"],
    )  # fmt: skip
    classes = ["sad", "happy", "calm"]
    confusion = pd.DataFrame([[4, 1, 5], [1, 9, 0], [6, 2, 2]], index=classes, columns=classes)
    people = pd.Series({"happy": 0.95, "sad": 0.35})
    figure = card_plots.expressions(scores, confusion, people)
    axis = figure.axes[0]
    assert [bar.get_height() for bar in axis.patches] == [0.9, 0.4, 0.2]
    assert [label.get_text() for label in axis.get_xticklabels()] == [
        "happy 90%\nelse sad 10%", "sad 40%\nelse calm 50%", "calm 20%\nelse sad 60%"
    ]  # fmt: skip
    assert axis.lines[-1].get_ydata()[:2].tolist() == [0.95, 0.35]
    assert len(axis.child_axes) == 2, "nobody draws calm"
    plt.close(figure)


def test_abstention_shows_the_suggested_threshold():
    curve = pd.DataFrame(
        {
            "split": ["validation"] * 2 + ["test"] * 2,
            "answered": [1, 0.5, 1, 0.6],
            "accuracy": [0.7, 0.8, 0.6, 0.9],
        }
    )
    rows = [(0.0, "test", "", 1, 0.6), (0.5, "test", "", 0.6, 0.9), (0.5, "test", "sad", 0.2, 0.9),
            (0.5, "validation", "", 0.5, 0.8), (0.0, "test", "sad", 1, 0.5)]  # fmt: skip
    columns = ["threshold", "split", "class", "answered", "accuracy"]
    figure = card_plots.abstention(curve, pd.DataFrame(rows, columns=columns), 0.5)
    left, right = figure.axes
    assert left.lines[1].get_xydata().tolist() == [[1, 0.6], [0.6, 0.9]]
    assert left.lines[2].get_xydata().tolist() == [[1, 0.6], [0.6, 0.9]]
    assert [text.get_text() for text in left.texts] == ["always", "0.50"]
    assert [bar.get_width() for bar in right.patches] == [0.2]
    plt.close(figure)


def test_the_suggested_threshold_and_the_surest_picture_without_a_face_are_told(evidence):
    card = model_card.write(evidence)
    frame = evidence.frames["other_pictures"]
    surest = frame.loc[frame["confidence"].idxmax()]
    assert f"the surest is *{surest['picture']}*" in section(card, "Pictures without a face")
    of_test = evidence.frames["abstention"].query("target == 0.9 and split == 'test'")
    whole = of_test.set_index("class").loc[""]
    told = section(card, "When to give no answer")
    assert f"**{whole['threshold']:.2f}**" in told and f"{whole['answered'] * 100:.1f} %" in told
    rows = card_tables.abstention(evidence.frames["abstention"]).splitlines()
    assert rows[2].startswith("| always answer |  | 100.0 |") and len(rows) == 8


def test_a_picture_of_its_own_has_no_range():
    row = {"images": 1, "answer": "sad", "share": 1.0, "confidence": 0.5, "lowest": 0.5}
    row |= {"highest": 0.5, "kept": 0.0, "right": np.nan, "picture": "black"}
    many = row | {"images": 9, "picture": "noise", "share": 0.4, "lowest": 0.2, "kept": 0.25}
    one, several = card_tables.other_pictures(pd.DataFrame([row, many])).splitlines()[2:]
    assert one == "| black | 1 | sad | 50 | 0 |"
    assert several == "| noise | 9 | sad, 40 % | 50 (20 to 50) | 25 |"


def test_stages_are_those_that_an_image_passes(evidence):
    network = evidence.file.predictor.network
    before = [len(network.stage(name)._forward_hooks) for name in network.stages]
    card_tables.stages(network, 48, grey=True)
    after = [len(network.stage(name)._forward_hooks) for name in network.stages]
    assert before == after == [0] * len(after)
