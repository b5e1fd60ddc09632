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
    return Answerer("cnn", TRAINED, "focal", 10, "a run", len(members), list(members))


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
    results = open_results("fer2013", COMMITTED.parent)
    study = results.study("report_a").select(task="multiclass")
    assert list(everyone) == ["binary", "three", "multiclass", "seven"]
    four = everyone["multiclass"]
    assert set(results.study("transfer").runs["model"]) <= {one.network for one in four}
    assert ("small_resnet", RESTRICTED) in {(one.network, one.kind) for one in four}
    ce, focal = [one for one in four if one.network == "cnn"]
    assert (ce.kind, ce.loss, ce.epochs, focal.loss) == (TRAINED, "cross_entropy", 10, "focal")
    assert ce.seeds == len(ce.members) == len(study.runs) / 2, "all seeds are one network"
    assert ce.run in set(study.runs["run"]) and not ce.fixed


def test_ensembles_and_the_published_network_have_no_seeds_to_vary(everyone):
    seven = {one.kind: one for one in everyone["seven"] if one.network == "small_resnet"}
    alone, together = seven[TRAINED], seven[f"{TRAINED}, {answerers.TOGETHER}"]
    assert together.fixed and together.seeds == alone.seeds > len(together.members) == 1
    [fer] = [one for one in everyone["seven"] if one.network == "fer"]
    assert fer.fixed and fer.seeds == 0 and fer.run == ""
    rows = answerers.common_rows(everyone["seven"], pd.RangeIndex(10_000))
    assert len(rows) == 3589 and fer.answers(rows).shape == (1, 3589)
