"""The experiments of each study."""

import pytest

from fer_utils.errors import FerError
from fer_utils.experiments import recipes


def test_the_ablation_takes_one_thing_out_at_a_time():
    whole, *others = recipes.make_study("ablation", "fer2013", seeds=[3])
    assert whole in recipes.make_study("best", "fer2013", seeds=[3])
    differences = [
        {name for name, value in vars(other).items() if value != getattr(whole, name)}
        for other in others
    ]
    assert differences == [set(left_out) for left_out in recipes.WITHOUT.values()]
    assert all(getattr(whole, name) == value for name, value in recipes.RECIPE.items())


def test_unknown_studies_and_settings_that_a_study_varies_are_refused():
    with pytest.raises(FerError, match=r"unknown study 'report_z'.*choose one of: report_a"):
        recipes.make_study("report_z", "drawn")
    with pytest.raises(FerError, match="unknown parameter 'colour'"):
        recipes.make_study("report_a", "drawn", colour=1)
    with pytest.raises(FerError, match=r"study report_a cannot take that setting.*'loss'"):
        recipes.make_study("report_a", "drawn", loss="focal")
    varied = "study grid cannot take that setting: the grid varies flip, learning_rate"
    with pytest.raises(FerError, match=varied):
        recipes.make_study("grid", "drawn", learning_rate=1e-3, flip=True)
    with pytest.raises(FerError, match="takes images of 224 to 224 pixels; got 32"):
        recipes.make_study("report_b", "drawn", image_size=32)


def test_the_transfer_study_is_report_as():
    study = recipes.make_study("transfer", "fer2013")
    assert len({experiment.id for experiment in study}) == 4 * 2 * 2 * 2
    assert {(e.trainable, e.image_size, e.epochs) for e in study} == {(2, None, 5), (2, None, 10)}
