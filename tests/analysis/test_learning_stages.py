"""Which stages learn, and from which epoch on, as the studies set it."""

import pandas as pd

from fer_utils.analysis import learning_stages
from fer_utils.experiments import recipes
from fer_utils.models.registry import find_model


def test_networks_are_cut_as_the_study_freezes_them():
    experiments = recipes.make_study("transfer", "fer2013")
    table = learning_stages.networks(pd.DataFrame(map(vars, experiments)))
    resnet = table.set_index("model").loc["resnet18"]
    assert (resnet["frozen"], resnet["learning"]) == ("stem layer1 layer2 layer3", "layer4 fc")
    network = find_model("resnet18_scratch").architecture(4)
    last_two = (network.layer4, network.fc)
    learning = sum(p.numel() for stage in last_two for p in stage.parameters())
    assert resnet["parameters"] == sum(p.numel() for p in network.parameters())
    assert resnet["learning_parameters"] == learning
    assert table["size"].tolist() == [224, 240, 224, 224]
    assert (table["learning_parameters"] < table["parameters"]).all()


def test_the_first_experiment_of_a_network_counts_with_its_own_size():
    settings = {"model": "resnet18_scratch", "trainable": 1, "image_size": [96, None]}
    [row] = learning_stages.networks(pd.DataFrame(settings)).to_dict("records")
    assert row["size"] == 96 and row["learning"] == "fc"


def test_the_schedule_is_the_studys(transfer_frames):
    schedule = transfer_frames["report_b_schedule"].set_index(["model", "epoch"])
    assert schedule.loc[("resnet18", 2), "learning"] == "layer3 layer4 fc"
    assert schedule.loc[("resnet18", 2), "rates"] == "2.5e-05 5e-05 0.0001"
    assert schedule.loc["resnet18_scratch"].index.tolist() == [1]
    assert schedule.loc[("resnet18_scratch", 1), "rates"] == "0.0005"  # one for all stages
    # at last nothing is frozen any more
    assert schedule.loc[("resnet18", 4), "learning"].startswith("stem layer1")
    assert "vggface" not in schedule.index, "it was not run"


def test_stages_hand_on_smaller_and_more_maps():
    """By hand: 48 pixels halved three times; a hook that stays would slow the network down."""
    shapes = learning_stages.stage_shapes("cnn", 4)
    maps = {"block1": (32, 24, 24), "block2": (64, 12, 12), "block3": (128, 6, 6)}
    assert shapes == {"input": (1, 48, 48)} | maps | {"hidden": (512,), "head": (4,)}
    skeleton = learning_stages.skeleton("cnn", 4)
    assert not any(module._forward_hooks for module in skeleton.modules())
