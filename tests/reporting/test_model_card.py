"""The model card, from the committed pages and a confusion matrix of our own."""

import pandas as pd
import pytest
from golden.build import COMMITTED

from fer_utils import load_best
from fer_utils.reporting import best_network, model_card


@pytest.fixture
def about():
    exported = load_best(COMMITTED / "best" / "model.safetensors").about
    of_run = {"bytes": 2_500_000, "trained": "a machine, fp32", "train_images": 28709, "epochs": 60}
    return exported | of_run | {"ece": 0.1, "ece_scaled": 0.02, "temperature": 0.5}


def section(card: str, title: str) -> list[str]:
    return card.split(f"## {title}\n")[1].split("\n## ")[0].strip().splitlines()


def test_the_confusion_has_true_classes_in_rows(about):
    """Of 4 happy images 3 are recognised; of 10 sad ones 9 are taken for happy."""
    classes = ["happy", "sad"]
    counts = pd.DataFrame([[3, 1], [9, 1]], index=classes, columns=classes)
    card = model_card.write(about, best_network.read("fer2013", COMMITTED.parent), counts)
    header, _, happy, sad = section(card, "What is taken for what")[-4:]
    assert header == "|  | happy | sad |"
    assert happy == "| happy | 75.0 | 25.0 |" and sad == "| sad | 90.0 | 10.0 |"
    assert "10.0 points" in card and "divided by 0.50" in card and "2.5 MB" in card
    assert "28,709 training images, 60 epochs (a machine, fp32)" in card
