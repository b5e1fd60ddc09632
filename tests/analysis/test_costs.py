"""What a network costs: one row per network, best on validation first."""

import pytest

from fer_utils.analysis import costs
from fer_utils.experiments import best_recipe, studies
from fer_utils.experiments.results import open_results
from fer_utils.models.network import Network
from fer_utils.reporting import best_tables


def test_speed_counts_images_and_their_views():
    network = Network("cnn", 2)
    plain = costs.speed(network, seconds=0.3)
    assert plain["images_per_second"] > 0 and plain["device"].startswith("cpu")
    seen = []
    network.register_forward_hook(lambda *_: seen.append(1))
    costs.speed(network, "flip_shift", seconds=0.3)
    # every view is computed, at the first call and at each timed one
    assert len(seen) % 18 == 0 and len(seen) >= 36
    with pytest.raises(Exception, match="test-time augmentation"):
        costs.speed(network, "ten crops")


def test_training_speed_is_that_of_whole_steps():
    network = Network("cnn", 2, 32)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    assert costs.training_speed(network, seconds=0.3, side=32) > 0
    assert all((now != old).any() for now, old in zip(network.parameters(), before, strict=True))


def test_a_study_of_two_networks(drawn, tmp_path, monkeypatch):
    start = {"model": "resnet18_scratch", "image_size": 32, "epochs": 1}
    monkeypatch.setattr(best_recipe, "FROM_IMAGENET", start)
    monkeypatch.setattr("fer_utils.paths.DATA", tmp_path / "data")
    drawn.save(tmp_path / "data" / "drawn")
    settings = {"model": "cnn", "epochs": 2, "batch_size": 32, "cap": 40}
    experiments = best_recipe.start("drawn", [0], **settings)
    assert [experiment.model for experiment in experiments] == ["cnn", "resnet18_scratch"]
    studies.run_study("start", "drawn", "cpu", "fp32", tmp_path / "results", seeds=[0], **settings)
    study = open_results("drawn", tmp_path / "results").study("start")
    table = costs.networks(study)
    assert table["val"].is_monotonic_decreasing
    row = table.set_index("model").loc["resnet18_scratch"]
    assert row[["image_size", "epochs", "seeds"]].tolist() == [32, 1, 1]
    images = study.runs["train_images"].iloc[0]
    seconds = row["epochs"] * images / row["training_images_per_second"]
    assert row["minutes"] == pytest.approx(seconds / 60)
    curves = costs.curves(study, table).query("model == 'cnn'")
    minutes = table.set_index("model").loc["cnn", "minutes"]
    assert curves["minutes"].tolist() == pytest.approx([minutes / 2, minutes])
    history = study.history[study.history["run"].isin(study.runs.query("model == 'cnn'")["run"])]
    assert curves["val_accuracy"].tolist() == history["val_accuracy"].tolist()
    scores = study.scores("test").query("metric == 'accuracy'").set_index("model")["value"]
    assert row["test"] == pytest.approx(scores["resnet18_scratch"])
    assert "ResNet18, random weights & 32 & 11.2 & 1 & 1" in best_tables.networks(table)
