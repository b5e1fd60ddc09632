"""Patience: when a training ends before its last epoch."""

import pytest
from small_training import go

from fer_utils.training import early_stopping


def test_patience_ends_a_run_and_a_resumed_one_too(tmp_path):
    _, history = go(tmp_path, 12, "sgd", 1e-12, patience=2)
    assert len(history) == 3  # nothing is learnt: the first epoch stays the best
    assert len(go(tmp_path, 12, "sgd", 1e-12, patience=2)[1]) == 3
    assert len(go(tmp_path / "none", 4, "sgd", 1e-12)[1]) == 4


def test_patience_waits_for_the_last_thaw(tmp_path):
    assert (
        len(go(tmp_path, 12, "sgd", 1e-12, patience=2, thaw="1:1 5:2")[1]) == 7
    )  # the fifth epoch is its best


@pytest.mark.parametrize(
    "accuracies, patience, over",
    [
        ([0.5, 0.4], 1, True),
        ([0.5, 0.5], 1, True),
        ([0.4, 0.5, 0.5], 2, False),
        ([0.5, 0.5], 0, False),
        ([], 1, False),
    ],
)
def test_patience_counts_epochs_without_a_higher_accuracy(accuracies, patience, over):
    assert early_stopping.out_of_patience(accuracies, patience) == over
