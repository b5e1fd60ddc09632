"""Networks of many classes asked about a few, where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import CLASSES, DIGEST, NO_COPIES, write_audit, write_predictions

from fer_utils.analysis import restricted
from fer_utils.analysis.restricted import RESTRICTED, TRAINED
from fer_utils.data.tasks import EMOTIONS
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.results import Results

UNDECIDED = {"select": "last", "patience": 0, "schedule": "one_cycle"}


def of_part(part, p, labels, rows):
    logits = np.log(np.asarray(p, np.float32))
    arrays = {"logits": logits, "labels": np.array(labels), "rows": np.array(rows)}
    return {f"{part}_{name}": array for name, array in arrays.items()}


def test_restriction_keeps_images_and_columns_of_the_classes_in_their_order():
    p = [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.6, 0.1, 0.3], [0.9, 0.06, 0.04]]
    wide = {"classes": np.array(["angry", "happy", "sad"])}
    wide |= of_part("test", p, [1, 2, 1, 0], [3, 5, 8, 9])
    narrow = restricted.restricted(wide, ("sad", "happy"))
    assert narrow["test_rows"].tolist() == [3, 5, 8]
    assert narrow["test_labels"].tolist() == [1, 0, 1]
    expected = [[0.4, 0.6], [0.75, 0.25], [0.75, 0.25]]
    np.testing.assert_allclose(probabilities(narrow["test_logits"]), expected, atol=1e-6)
    assert list(narrow["classes"]) == ["sad", "happy"]
    with pytest.raises(FerError, match="unknown class of this network 'fear'"):
        restricted.restricted(wide, ("fear", "happy"))


@pytest.fixture
def both_parts():
    """Validated on rows 4 and 8, tested on rows 2 and 6; the label is the row."""
    val, test = (of_part(p, np.ones((2, 2)), r, r) for p, r in (("val", [4, 8]), ("test", [2, 6])))
    return {"classes": CLASSES} | val | test


def test_validation_that_decided_nothing_is_test(both_parts):
    tested = restricted.untouched(both_parts, **UNDECIDED)
    assert tested["test_rows"].tolist() == tested["test_labels"].tolist() == [2, 4, 6, 8]
    assert "val_rows" not in tested


@pytest.mark.parametrize("decided", [{"select": "best"}, {"patience": 3}, {"schedule": "plateau"}])
def test_validation_that_decided_something_is_not(both_parts, decided):
    assert restricted.untouched(both_parts, **UNDECIDED | decided)["test_rows"].tolist() == [2, 6]


@pytest.fixture
def study(tmp_path):
    """Happy against sad, tested on rows 10 to 15; and two seeds of seven classes.

    Those looked at rows 10 and 11 while they trained. Rows 12 and 13 are angry and fear for them,
    so that both know rows 10, 11, 14 and 15.
    """
    rng = np.random.default_rng(0)
    small = {"classes": CLASSES}
    small |= of_part("test", rng.dirichlet([1, 1], 6), [0, 1, 0, 1, 1, 0], range(10, 16))
    runs = {("binary", 0): small}
    for seed in (0, 1):
        val, test = (
            [EMOTIONS.index(name) for name in names]
            for names in (("happy", "sad"), ("angry", "fear", "sad", "happy"))
        )
        wide = {"classes": np.array(EMOTIONS)}
        wide |= of_part("val", rng.dirichlet([1] * 7, 2), val, [10, 11])
        wide |= of_part("test", rng.dirichlet([1] * 7, 4), test, range(12, 16))
        runs["seven", seed] = wide
    for (task, seed), predictions in runs.items():
        write_predictions(tmp_path, f"{task}-{seed}", predictions)
    constant = UNDECIDED | {"digest": DIGEST}
    rows = [{"run": f"{task}-{seed}", "task": task, "seed": seed} | constant for task, seed in runs]
    metrics = pd.DataFrame({"run": [row["run"] for row in rows]})
    write_audit(tmp_path, near=NO_COPIES)
    return Results(tmp_path, pd.DataFrame(rows), metrics, metrics)


def test_who_answers_which_task(study):
    answers = restricted.contenders(study)
    smaller = {(task, RESTRICTED) for task in ("binary", "multiclass", "three")}
    assert set(answers) == {("binary", TRAINED), ("seven", TRAINED), *smaller}
    assert next(iter(answers)) == ("binary", TRAINED)  # fewest classes
    assert answers["three", RESTRICTED][1]["test_rows"].tolist() == [10, 11, 12, 14, 15]
    assert sorted(answers["seven", TRAINED]) == [0, 1]


def test_networks_are_scored_on_the_images_that_all_have(study):
    row = restricted.beside(study).iloc[0]
    assert row[["task", "images", "seeds"]].tolist() == ["binary", 4, 1]  # seed 0
    answers, truth = restricted.contenders(study), [0, 1, 1, 0]
    few = answers["binary", TRAINED][0]["test_logits"][[0, 1, 4, 5]].argmax(1) == truth
    wide = answers["binary", RESTRICTED][0]["test_logits"].argmax(1) == truth
    assert [row["trained"], row["restricted"]] == pytest.approx([few.mean(), wide.mean()])
    assert row["gain"] == pytest.approx(row["restricted"] - row["trained"])
    assert np.isnan(row["gain_low"])  # of one seed


def test_nothing_to_restrict(study):
    assert restricted.beside(study.select(task="binary")).empty
