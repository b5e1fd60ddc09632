"""One entry names a network everywhere: in runs, in tables and in figures, in one order."""

import pandas as pd
import pytest
from test_architecture import Own

from fer_utils.analysis import learning_stages
from fer_utils.errors import FerError
from fer_utils.models import registry
from fer_utils.models.network import Network
from fer_utils.models.registry import MODELS, Model, check_model, find_model, in_order
from fer_utils.reporting import best_tables, transfer_plots
from fer_utils.reporting.latex import word


@pytest.fixture
def own(monkeypatch) -> str:
    """A network added as docs/extending.md says: a class, and an entry."""
    monkeypatch.setitem(registry.MODELS, "own", Model("own", "our network", Own))
    return "own"


def test_names_are_the_keys_and_no_two_networks_are_called_alike():
    assert all(name == model.name for name, model in MODELS.items())
    assert len({model.display_name for model in MODELS.values()}) == len(MODELS)


def test_the_order_of_rows_is_the_registrys_and_then_the_alphabet():
    names = ["timm:b", "small_resnet", "cnn", "timm:a", "mobilenet_v2", "cnn", "resnet18"]
    expected = ["cnn", "resnet18", "mobilenet_v2", "small_resnet", "timm:a", "timm:b"]
    assert in_order(names) == in_order(iter(names)) == expected


def test_unknown_networks_and_sizes_that_do_not_fit_are_refused():
    check_model("timm:whatever")  # known only once timm is imported
    check_model("cnn", 7)  # its own constructor refuses what it cannot take
    with pytest.raises(FerError, match=r"unknown model 'resnet81' \(did you mean 'resnet18'\?\)"):
        find_model("resnet81")
    with pytest.raises(FerError, match=r"choose one of: cnn, .*small_resnet, .*timm:<name>$"):
        check_model("nothing")
    with pytest.raises(FerError, match="takes images of 224 to 224 pixels; got 96"):
        check_model("vggface", 96)


def test_an_own_network_has_a_row_in_the_tables_of_networks(own):
    settings = {"epochs": 6, "trainable": 1, "thaw": "1:1 4:2", "image_size": None}
    rates = {"learning_rate": 1e-3, "stage_decay": 0.5}
    rows = pd.DataFrame([{"model": model} | settings | rates for model in (own, "cnn")])
    table = learning_stages.networks(rows).set_index("model")
    assert table.loc[own, ["size", "frozen", "learning"]].tolist() == [8, "body", "head"]
    assert table.loc[own, ["parameters", "learning_parameters"]].tolist() == [20 + 73 * 4, 73 * 4]
    assert table.loc["cnn", ["size", "learning"]].tolist() == [48, "head"]
    schedule = learning_stages.schedule(rows.assign(image_size=16)).query("model == 'own'")
    assert schedule["learning"].tolist() == ["head", "body head"]
    assert schedule["rates"].tolist() == ["0.001", "0.0005 0.001"] and set(schedule["size"]) == {16}
    assert word(own) == "our network" and word("timm:resnet18") == "timm:resnet18"


def test_an_own_network_has_a_row_and_a_line_beside_those_of_the_reports(own):
    costs = {"image_size": 8, "parameters": 9e6, "epochs": 1, "seeds": 1, "val": 0.5, "test": 0.5}
    costs |= {"minutes": 1.0, "training_images_per_second": 9, "images_per_second": 9}
    assert "our network & 8 & 9.0" in best_tables.networks(pd.DataFrame([{"model": own} | costs]))
    scores = {
        f"{split}_{score}": 0.5 for split in ("train", "val") for score in ("loss", "accuracy")
    }
    curves = pd.DataFrame([{"model": model, "epoch": 1} | scores for model in (own, "vggface")])
    figure = transfer_plots.curves(curves, curves)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["VGGFace", "our network", "training", "validation"]
    lines = figure.axes[0].get_lines()
    assert len({line.get_color() for line in lines}) == 2


def test_an_own_network_is_built_and_frozen_by_its_stages(own):
    network = Network(own, 3, size=10)
    assert network.stages == ("body", "head") and network.preprocess.size == 10
    assert Network(own, 3, channels=3).preprocess.mean.flatten().tolist() == [127.5] * 3
