"""What the pictures of the inside of networks show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import texts
from torch import nn

from fer_utils.models.network import Network
from fer_utils.reporting import network_plots
from fer_utils.training.schedules import lr_factor


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network("cnn", 4)


def shown(axis):
    (image,) = axis.images
    return np.asarray(image.get_array())


def test_stage_outputs_are_those_of_evaluation_mode_and_leave_the_network_alone(network):
    network.train()
    face = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    statistics = network.body.block1[1].running_mean.clone()
    outputs = network_plots.stage_outputs(network, face)
    assert {name: tuple(values.shape) for name, values in outputs.items()} == {
        "input": (1, 48, 48), "block1": (32, 24, 24), "block2": (64, 12, 12),
        "block3": (128, 6, 6), "hidden": (512,), "head": (4,),
    }  # fmt: skip
    assert network.training and torch.equal(network.body.block1[1].running_mean, statistics)
    with torch.no_grad():
        expected = network.eval()(torch.from_numpy(face)[None, None])[0]
    assert torch.allclose(outputs["head"], expected, atol=1e-6)
    assert not any(module._forward_hooks for module in network.modules())


def test_shapes_are_written_below_stacks_and_a_bar():
    outputs = {"input": torch.zeros(1, 16, 16), "stem": torch.zeros(8, 4, 4), "fc": torch.zeros(3)}
    (axis,) = network_plots.shapes(outputs).axes
    assert texts(axis) == ["input", "1×16×16", "stem", "8×4×4", "fc", "3"]
    sides = [patch.get_width() for patch in axis.patches]
    assert sides[0] == 30 and set(sides[1:-1]) == {15}  # the root of a quarter
    assert len(sides) > 3 and sides[-1] < sides[1]


def test_filters_of_one_channel_share_a_scale_around_0():
    first = torch.tensor([-2.0, 0.0, 1.0]).view(3, 1, 1, 1)
    above, below = network_plots.filters({"before": first, "after": 2 * first}, columns=2).axes
    assert above.images[0].get_clim() == below.images[0].get_clim() == (-4, 4)
    picture = shown(above)
    assert picture[::2, ::2].tolist()[0] == [-2, 0] and picture[2, 0] == 1
    assert (above.get_ylabel(), below.get_ylabel()) == ("before", "after")


def test_filters_of_three_channels_are_colours():
    weights = torch.tensor([[-1.0, 0.0, 3.0]]).view(1, 3, 1, 1)
    axis = network_plots.filters({"a": weights, "b": weights}, columns=1).axes[0]
    assert shown(axis)[0, 0].tolist() == [0, 0.25, 1]


def test_feature_maps_have_a_row_for_each_stage_with_pictures():
    outputs = {"stem": torch.arange(12.0).view(3, 2, 2), "fc": torch.zeros(4)}
    axes = network_plots.feature_maps(outputs, count=2).axes
    assert [shown(axis).tolist() for axis in axes] == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert axes[0].get_title(loc="left") == "stem, 2×2"


def test_pictures_are_the_first_map_with_its_size():
    steps = {"a": torch.ones(1, 1, 2, 3), "b": torch.zeros(1, 1, 1, 1)}
    axes = network_plots.pictures(steps).axes
    assert [axis.get_title() for axis in axes] == ["a", "b"]
    assert [axis.get_xlabel() for axis in axes] == ["2×3", "1×1"]


def test_learning_rates_are_those_of_training():
    (axis,) = network_plots.learning_rates(epochs=10, steps_per_epoch=4).axes
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert list(lines) == ["constant", "cosine", "one-cycle", "plateau"]
    assert lines["one-cycle"].tolist() == [lr_factor("one_cycle", step, 40) for step in range(40)]
    # the loss stays after the second epoch: three epochs later the rate is halved
    assert lines["plateau"][19] == 1 and lines["plateau"][20] == 0.5


def test_parameters_colour_what_learns(network):
    (axis,) = network_plots.parameters({"CNN": network}, {"CNN": ["head"]}).axes
    sizes = network_plots.stage_sizes(network)
    assert sizes["head"] == 4 * 512 + 4 and sizes.sum() == 2_454_980
    widths = [bar.get_width() for bar in axis.patches]
    assert widths == pytest.approx(sizes / sizes.sum())
    colours = [bar.get_facecolor() for bar in axis.patches]
    assert len(set(colours[:-1])) == 1 and colours[-1] != colours[0]
    assert texts(axis) == ["hidden", "2.5 M"]


def test_by_stage_has_a_bar_for_each_stage_and_case():
    values = pd.DataFrame({"rest": [0.0, 1.0], "move": [2.0, 3.0]}, index=["stem", "fc"])
    figure = network_plots.by_stage(values, "drift")
    (axis,) = figure.axes
    heights = [[bar.get_height() for bar in group] for group in axis.containers]
    assert heights == [[0, 1], [2, 3]] and axis.get_ylabel() == "drift"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rest", "move"]


def test_change_and_drift_are_relative_to_the_start():
    torch.manual_seed(0)
    start = Network("cnn", 4)
    moved = Network("cnn", 4)
    moved.load_state_dict(start.state_dict())
    with torch.no_grad():
        for parameter in moved.stage("block2").parameters():
            parameter.mul_(1.5)
    norm = moved.stage("block3")[1]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.running_mean.add_(2)
    norm.running_var.mul_(9)  # of the moved network: the distance is in units of the start
    change, drift = network_plots.change(moved, start), network_plots.drift(moved, start)
    assert change["block2"] == pytest.approx(0.5) and change.drop("block2").eq(0).all()
    assert list(drift.index) == ["block1", "block2", "block3"]
    assert drift["block3"] == pytest.approx(2, rel=1e-4) and drift[["block1", "block2"]].eq(0).all()
