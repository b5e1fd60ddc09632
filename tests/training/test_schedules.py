"""Schedules at known steps, and against torch's own."""

import numpy as np
import pytest
import torch
from small_training import go

from fer_utils.errors import FerError
from fer_utils.training.schedules import (
    FACTOR,
    PATIENCE,
    START,
    lr_factor,
)


def curve(schedule, steps=100):
    return [lr_factor(schedule, step, steps) for step in range(steps)]


def test_constant():
    assert set(curve("constant")) == {1.0}


def test_cosine_is_torchs():
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 100)
    expected = []
    for _ in range(100):
        expected += theirs.get_last_lr()
        optimiser.step()
        theirs.step()
    np.testing.assert_allclose(curve("cosine"), expected, atol=1e-12)
    assert curve("cosine")[50] == pytest.approx(0.5)


def test_one_cycle_climbs_in_a_line_and_falls_by_a_cosine():
    shares = curve("one_cycle")
    assert shares[0] == START and shares[10] == pytest.approx((START + 1) / 2)
    assert shares[20] == max(shares) == 1.0
    assert shares[60] == pytest.approx(0.5) and 0 < shares[99] < 0.001
    assert (
        np.diff(shares[:21]) == pytest.approx([(1 - START) / 20] * 20)
        and (np.diff(shares[20:]) < 0).all()
    )


def test_plateau_is_torchs():
    losses = np.random.default_rng(0).normal(size=60).tolist()
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=FACTOR, patience=PATIENCE - 1, threshold=0, eps=0
    )
    for epoch, loss in enumerate(losses, start=1):
        theirs.step(loss)
        assert lr_factor("plateau", 0, 1, losses[:epoch]) == pytest.approx(theirs.get_last_lr()[0])
    assert theirs.get_last_lr()[0] < 0.1


def test_plateau_waits():
    assert lr_factor("plateau", 0, 1) == 1
    assert lr_factor("plateau", 0, 1, [1.0] + [2.0] * (PATIENCE - 1)) == 1
    assert lr_factor("plateau", 0, 1, [1.0] + [2.0] * PATIENCE) == FACTOR


def test_an_unknown_schedule_is_refused():
    with pytest.raises(FerError, match=r"unknown schedule 'cosin' \(did you mean 'cosine'\?\)"):
        lr_factor("cosin", 0, 1)


def test_every_step_has_the_learning_rate_of_its_schedule(tmp_path, monkeypatch):
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))
    )
    go(tmp_path, 3, "sgd", 0.02, schedule="one_cycle")
    assert rates == [0.02 * lr_factor("one_cycle", number, 18) for number in range(18)]


def test_the_rate_rises_after_each_thaw(tmp_path, monkeypatch):
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))
    )
    go(tmp_path, 2, "sgd", 0.02, thaw="1:1 2:2", thaw_warm_up=4)
    assert rates == pytest.approx([0.02 * share for share in [0.25, 0.5, 0.75, 1, 1, 1] * 2])
