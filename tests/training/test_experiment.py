"""Experiments as data: their names, ids, and what they refuse."""

import pytest

from fer_utils.errors import FerError
from fer_utils.training.experiment import Experiment, Seeds


def test_the_id_changes_with_every_setting_and_only_then():
    base = Experiment()
    assert base.id == Experiment().id == Experiment(epochs=10).id
    others = {
        "dataset": "fer2013", "task": "binary", "loss": "focal", "gamma": 1.0, "class_weights":
        False, "epochs": 3, "batch_size": 32, "optimiser": "sgd", "learning_rate": 1e-2,
        "weight_decay": 0.0, "cap": None, "validation": 0.1, "dedupe": True, "image_size": 64,
        "median": True, "select": "best", "seed": 1, "model": "timm:resnet18", "dropout": 0.2,
        "test": "private", "flip": True, "rotation": 10.0, "shift": 0.1, "scale": 0.1,
        "brightness": 0.1, "contrast": 0.1, "erasing": 0.5, "mixup": 0.2, "label_smoothing": 0.1,
        "schedule": "cosine", "ema": 0.99, "tta": "flip", "trainable": 2, "thaw": "1:1 3:2",
        "rest": False, "stage_decay": 0.5, "thaw_warm_up": 20, "clip": 1.0, "patience": 3,
        "saturation": 0.2, "weight_order": "sad+happy+fear+angry", "stratified": False,
        "cap_drawn": False, "split_seed": 0, "init_seed": 0, "order_seed": 0,
    }  # fmt: skip
    assert (
        len({base.id, *(base.replace(**{name: value}).id for name, value in others.items())})
        == len(others) + 1
    )


def test_ids_of_committed_results_never_change():
    """An id that changed would orphan the reference study."""
    assert Experiment(dataset="fer2013", task="binary").id == "binary-cnn-cross_entropy-s0-9512435b"
    assert (
        Experiment(dataset="fer2013", task="binary", seed=1).id
        == "binary-cnn-cross_entropy-s1-8f5bec79"
    )


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({"epoch": 3}, r"unknown parameter 'epoch' \(did you mean 'epochs'\?\)"),
        ({"task": "happy"}, "unknown task 'happy'"),
        ({"model": "resnet"}, "unknown model"),
        ({"loss": "mse"}, "unknown loss 'mse'; choose one of: cross_entropy, focal"),
        ({"select": "first"}, "unknown selection"),
        ({"epochs": 0}, "epochs must be greater than 0"),
        ({"cap": -5}, "cap must be greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number; got nan"),
        ({"gamma": -1.0}, "gamma must be greater than or equal to 0"),
        ({"dropout": 1.0}, "dropout must be less than 1; got 1.0"),
        ({"test": "public"}, "unknown test 'public'; choose one of: all, private"),
        ({"rotation": -5.0}, "rotation must be greater than or equal to 0; got -5.0"),
        ({"mixup": float("inf")}, "mixup must be a finite number; got inf"),
        ({"shift": 1.0}, "shift must be less than 1; got 1.0"),
        ({"scale": -0.1}, "scale must be greater than or equal to 0"),
        ({"brightness": 2.0}, "brightness must be less than 1"),
        ({"contrast": float("nan")}, "contrast must be .*got nan"),
        ({"erasing": 1.5}, "erasing must be less than 1"),
        ({"label_smoothing": 1.0}, "label_smoothing must be less than 1"),
        ({"label_smoothing": 0.1, "loss": "focal"}, "label_smoothing needs loss=cross_entropy"),
        ({"ema": 1.0}, "ema must be less than 1"),
        ({"flip": 1}, "flip must be a valid boolean; got 1"),
        (
            {"schedule": "linear"},
            "unknown schedule 'linear'; choose one of: constant, cosine, one_cycle, plateau",
        ),
        (
            {"tta": "crops"},
            "unknown test-time augmentation 'crops'; choose one of: none, flip, flip_shift",
        ),
        ({"thaw": "1:1 11:2"}, "thaw: epoch 11 never comes; the run has 10 epochs"),
        ({"thaw": "1:1", "trainable": 2}, "trainable=2 and thaw='1:1' exclude each other"),
        ({"trainable": 0}, "trainable must be greater than 0; got 0"),
        ({"stage_decay": 1.5}, "stage_decay must be less than or equal to 1; got 1.5"),
        ({"clip": -1.0}, "clip must be greater than or equal to 0; got -1.0"),
        ({"patience": -1}, "patience must be greater than or equal to 0; got -1"),
        ({"epochs": "3"}, "epochs must be a valid integer; got '3'"),
        ({"weight_order": "happy+sad"}, "weight_order must name each class .*got 'happy.sad'"),
        ({"init_seed": -1}, "init_seed must be greater than or equal to 0; got -1"),
        ({"median": 1}, "median must be a valid boolean; got 1"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, complaint):
    with pytest.raises(FerError, match=complaint):
        Experiment(**settings)


def test_a_models_name_makes_a_plain_folder_name():
    assert Experiment(model="timm:resnet18.a1_in1k").id.startswith(
        "multiclass-timm_resnet18.a1_in1k-cross_entropy-s0-"
    )


def test_equal_experiments_have_equal_ids():
    pairs = [
        ({"gamma": 1}, {"gamma": 1.0}),
        ({"rotation": 10}, {"rotation": 10.0}),
        ({"dropout": 0}, {"dropout": 0.0}),
    ]
    for one, other in pairs:
        assert (
            Experiment(**one) == Experiment(**other)
            and Experiment(**one).id == Experiment(**other).id
        )
    assert Experiment(gamma=2).id == Experiment().id


def test_each_source_of_chance_has_the_seed_or_its_own():
    assert Experiment(seed=3).seeds == (3, 3, 3)
    assert Experiment(seed=3, split_seed=0).seeds == Seeds(split=0, init=3, order=3)
    assert Experiment(seed=3, init_seed=0).seeds == Seeds(split=3, init=0, order=3)
    assert Experiment(seed=3, order_seed=0).seeds == Seeds(split=3, init=3, order=0)
