"""Networks of many classes asked about a few: columns, images and labels, where the answer is known."""

import numpy as np
import pandas as pd
import pytest

from fer_utils import io
from fer_utils.analysis import restricted
from fer_utils.analysis.restricted import RESTRICTED, TRAINED
from fer_utils.data.tasks import EMOTIONS
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.results import Results

UNDECIDED = {"select": "last", "patience": 0, "schedule": "one_cycle"}


def of_part(part, p, labels, rows):
    made = {
        "logits": np.log(np.asarray(p, np.float32)),
        "labels": np.array(labels),
        "rows": np.array(rows),
    }
    return {f"{part}_{name}": value for name, value in made.items()}


def test_restriction_keeps_images_and_columns_of_the_classes_in_their_order():
    p = [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.6, 0.1, 0.3], [0.9, 0.06, 0.04]]
    wide = {"classes": np.array(["angry", "happy", "sad"])} | of_part(
        "test", p, [1, 2, 1, 0], [3, 5, 8, 9]
    )
    made = restricted.restricted(wide, ("sad", "happy"))
    assert made["test_rows"].tolist() == [3, 5, 8] and made["test_labels"].tolist() == [1, 0, 1]
    expected = [[0.4, 0.6], [0.75, 0.25], [0.75, 0.25]]
    np.testing.assert_allclose(probabilities(made["test_logits"]), expected, atol=1e-6)
    assert list(made["classes"]) == ["sad", "happy"]
    with pytest.raises(FerError, match="unknown class of this network 'fear'"):
        restricted.restricted(wide, ("fear", "happy"))


@pytest.fixture
def both_parts():
    """Validated on rows 4 and 8, tested on rows 2 and 6; the label is the row."""
    made = of_part("val", np.ones((2, 2)), [4, 8], [4, 8]) | of_part(
        "test", np.ones((2, 2)), [2, 6], [2, 6]
    )
    return made | {"classes": np.array(["happy", "sad"])}


def test_validation_that_decided_nothing_is_test(both_parts):
    made = restricted.untouched(both_parts, **UNDECIDED)
    assert made["test_rows"].tolist() == made["test_labels"].tolist() == [2, 4, 6, 8]
    assert "val_rows" not in made


@pytest.mark.parametrize("decided", [{"select": "best"}, {"patience": 3}, {"schedule": "plateau"}])
def test_validation_that_decided_something_is_not(both_parts, decided):
    assert restricted.untouched(both_parts, **UNDECIDED | decided)["test_rows"].tolist() == [2, 6]


@pytest.fixture
def study(tmp_path):
    """Happy against sad, tested on rows 10 to 15; and two seeds of seven classes, which looked at rows 10 and 11.

    Rows 12 and 13 are angry and fear for them, so that both know rows 10, 11, 14 and 15.
    """
    rng = np.random.default_rng(0)
    small = {"classes": np.array(["happy", "sad"])}
    small |= of_part("test", rng.dirichlet([1, 1], 6), [0, 1, 0, 1, 1, 0], range(10, 16))
    runs = {("binary", 0): small}
    for seed in (0, 1):
        wide = {"classes": np.array(EMOTIONS)}
        wide |= of_part(
            "val",
            rng.dirichlet([1] * 7, 2),
            [EMOTIONS.index("happy"), EMOTIONS.index("sad")],
            [10, 11],
        )
        names = ("angry", "fear", "sad", "happy")
        wide |= of_part(
            "test",
            rng.dirichlet([1] * 7, 4),
            [EMOTIONS.index(name) for name in names],
            range(12, 16),
        )
        runs["seven", seed] = wide
    for (task, seed), made in runs.items():
        (tmp_path / "runs" / f"{task}-{seed}").mkdir(parents=True)
        np.savez(tmp_path / "runs" / f"{task}-{seed}" / "predictions.npz", **made)
    constant = UNDECIDED | {"digest": "0"}
    rows = [{"run": f"{task}-{seed}", "task": task, "seed": seed} | constant for task, seed in runs]
    metrics = pd.DataFrame({"run": [row["run"] for row in rows]})
    (tmp_path / "audit").mkdir()
    io.write_json(tmp_path / "audit" / "audit.json", {"source": "made up", "digest": "0"})
    (tmp_path / "audit" / "near.csv").write_text(
        "row,group,leaked\n"
    )  # no photograph is there twice
    return Results(tmp_path, pd.DataFrame(rows), metrics, metrics)


def test_who_answers_which_task(study):
    found = restricted.contenders(study)
    smaller = {(task, RESTRICTED) for task in ("binary", "multiclass", "three")}
    assert set(found) == {("binary", TRAINED), ("seven", TRAINED), *smaller}
    assert found["three", RESTRICTED][1]["test_rows"].tolist() == [10, 11, 12, 14, 15]
    assert sorted(found["seven", TRAINED]) == [0, 1]


def test_networks_are_scored_on_the_images_that_all_have(study):
    row = restricted.beside(study).iloc[0]
    assert row[["task", "images", "trained_seeds", "restricted_seeds"]].tolist() == [
        "binary",
        4,
        1,
        2,
    ]
    found, truth = restricted.contenders(study), [0, 1, 1, 0]
    few = found["binary", TRAINED][0]["test_logits"][[0, 1, 4, 5]].argmax(1) == truth
    wide = [made["test_logits"].argmax(1) == truth for made in found["binary", RESTRICTED].values()]
    assert [row["trained"], row["restricted"]] == pytest.approx([few.mean(), np.mean(wide)])
    assert row["gain"] == pytest.approx(row["restricted"] - row["trained"])
    assert row["gain_low"] <= row["gain"] <= row["gain_high"]


def test_nothing_to_restrict(study):
    assert restricted.beside(study.select(task="binary")).empty
