"""Networks in one form, of the committed study and of predictions made up."""

import numpy as np
import pandas as pd
import pytest
from golden.build import COMMITTED

from fer_utils.analysis import answerers
from fer_utils.analysis.answerers import Answerer
from fer_utils.analysis.restricted import RESTRICTED, TRAINED
from fer_utils.experiments.results import open_results


def predictions(rows, answers):
    """Of two classes: the position that is answered on each row."""
    logits = np.eye(2)[answers]
    arrays = {"rows": np.array(rows), "labels": np.zeros(len(rows), int), "logits": logits}
    return {"classes": np.array(["happy", "sad"])} | {f"test_{k}": v for k, v in arrays.items()}


def network(*members):
    return Answerer("cnn", TRAINED, "focal", "a run", len(members), list(members))


def test_answers_are_in_the_order_of_rows_whatever_was_stored():
    both = network(predictions([7, 3, 5], [1, 0, 0]), predictions([3, 5, 7, 9], [0, 1, 1, 1]))
    assert both.answers(np.array([3, 7])).tolist() == [[0, 1], [0, 1]]
    assert both.answers(np.array([5])).tolist() == [[0], [1]]


def test_common_rows_are_those_that_all_seeds_of_all_networks_have():
    one = network(predictions([7, 3, 5], [0, 0, 0]), predictions([5, 3, 1], [0, 0, 0]))
    other = network(predictions([9, 5, 3, 2], [0, 0, 0, 0]))
    rows = answerers.common_rows([one, other], pd.Index([2, 3, 5, 7]))
    assert rows.tolist() == [3, 5]
    assert answerers.common_rows([one, other], pd.Index([5, 9])).tolist() == [5]


@pytest.fixture(scope="module")
def everyone():
    return answerers.by_task(open_results("fer2013", COMMITTED.parent))


def test_everyone_of_the_committed_study_is_asked(everyone):
    study = open_results("fer2013", COMMITTED.parent).study("report_a")
    assert list(everyone) == ["binary", "three", "multiclass", "seven"]
    four = [(one.network, one.kind, one.loss) for one in everyone["multiclass"]]
    assert {("cnn", TRAINED, "cross_entropy"), ("cnn", TRAINED, "focal")} <= set(four)
    assert ("small_resnet", RESTRICTED, "cross_entropy") in four and len(four) == len(set(four)) + (
        sum(one.network in ("mobilenet_v2", "efficientnet_lite0") for one in everyone["multiclass"])
        // 2  # trained for 5 and for 10 epochs
    )
    cnn = next(one for one in everyone["multiclass"] if one.network == "cnn")
    assert cnn.seeds == len(cnn.members) == study.runs["seed"].nunique() and not cnn.fixed
    assert cnn.run in set(study.runs["run"])


def test_ensembles_and_the_published_network_have_no_seeds_to_vary(everyone):
    seven = {one.kind: one for one in everyone["seven"] if one.network == "small_resnet"}
    alone, together = seven[TRAINED], seven[f"{TRAINED}, {answerers.TOGETHER}"]
    assert together.fixed and together.seeds == alone.seeds > len(together.members) == 1
    [fer] = [one for one in everyone["seven"] if one.network == "fer"]
    assert fer.fixed and fer.seeds == 0 and fer.run == ""
    rows = answerers.common_rows(everyone["seven"], pd.RangeIndex(10_000))
    assert len(rows) == 3589 and fer.answers(rows).shape == (1, 3589)
