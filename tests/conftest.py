"""Small data sets for the tests, and the real FER2013 where it is at hand."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from golden.build import Built, build

from fer_utils import io, paths
from fer_utils.analysis import report_b, reproduction, resnet_remarks, transfer
from fer_utils.data import ingest
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.synthetic import draw_faces
from fer_utils.data.tasks import get_task
from fer_utils.evaluation import metrics
from fer_utils.experiments import recipes
from fer_utils.experiments.results import Results, open_results
from fer_utils.training.experiment import Experiment


@pytest.fixture(scope="session")
def drawn() -> Faces:
    """140 drawn faces, of each class twelve Training, four PublicTest and four PrivateTest."""
    faces = draw_faces(140, seed=3)
    split = np.repeat(["Training", "PublicTest", "PrivateTest"], [84, 28, 28])
    return Faces(faces.images, faces.index.assign(split=split), faces.source)


@pytest.fixture
def store(drawn, tmp_path) -> Faces:
    drawn.save(tmp_path / "data" / "drawn")
    return open_store(tmp_path / "data" / "drawn")


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Built:
    """What `report` makes of the committed study, computed once for all tests."""
    return build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def with_transfer(tmp_path_factory) -> Results:
    """The committed study of the CNN beside those of pretrained networks, with random scores.

    Nobody trained these. Two seeds; EfficientNet-B1 and VGGFace are not run for want of weights,
    ResNet18 is.
    """
    folder = tmp_path_factory.mktemp("results") / "fer2013"
    committed = paths.CHECKOUT / "results" / "fer2013"
    replaced = ("transfer", "report_b", "grid", "scratch", "unfreezing", "nine_blocks")
    lists = [path for name in replaced for path in committed.glob(f"studies/{name}.*")]
    runs = {run for path in lists if ".not_run" not in path.name for run in io.read_json(path)}
    for part in ("runs", "studies"):
        (folder / part).mkdir(parents=True)
        for path in (committed / part).iterdir():
            if path not in lists and path.name not in runs:
                (folder / part / path.name).symlink_to(path)
    (folder / "audit").symlink_to(committed / "audit")
    rng = np.random.default_rng(0)
    for name in replaced:
        whole = recipes.make_study(name, "fer2013", seeds=[0, 1])
        lacking = [e for e in whole if e.model in ("efficientnet_b1", "vggface")]
        present = [e for e in whole if e not in lacking]
        for experiment in present:
            if not (folder / "runs" / experiment.id).exists():  # studies share runs
                _make_up(experiment, folder / "runs" / experiment.id, rng)
        io.write_json(folder / "studies" / f"{name}.json", [e.id for e in present])
        io.write_json(folder / "studies" / f"{name}.not_run.json", [vars(e) for e in lacking])
    return open_results("fer2013", folder.parent)


@pytest.fixture(scope="session")
def transfer_frames(with_transfer) -> dict[str, pd.DataFrame]:
    """The frames of with_transfer that tables, figures and numbers are made of."""
    frames = transfer.frames(with_transfer) | report_b.frames(with_transfer)
    frames |= {"nine_blocks": resnet_remarks.nine_blocks(with_transfer)}
    return frames | {"reproduction": reproduction.every_number(with_transfer)}


def _make_up(experiment: Experiment, folder: Path, rng: np.random.Generator) -> None:
    """The files of a run that nobody trained."""
    classes = get_task(experiment.task).classes
    labels = rng.integers(0, len(classes), 200)
    logits = rng.normal(size=(200, len(classes))) + 2 * np.eye(len(classes))[labels]
    tables = [
        metrics.scores(labels, logits, classes).assign(split=split) for split in ("val", "test")
    ]
    if experiment.select == "both":
        worse = logits + rng.normal(size=logits.shape)
        for split in ("val_last", "test_last"):
            tables.append(metrics.scores(labels, worse, classes).assign(split=split))
    folder.mkdir()
    pd.concat(tables).to_csv(folder / "metrics.csv", index=False)
    train = np.linspace(0.5, 0.9, experiment.epochs)
    history = pd.DataFrame(
        {"epoch": range(1, experiment.epochs + 1), "train_loss": 1 - train, "train_accuracy": train}
    )
    val = rng.uniform(0.6, 0.7, experiment.epochs)
    history = history.assign(val_loss=1 - val, val_accuracy=val)
    if experiment.clip:
        history = history.assign(spikes=rng.integers(0, 2, experiment.epochs), largest_norm=7.0)
    history.to_csv(folder / "history.csv", index=False)
    config = {
        "experiment": vars(experiment),
        "images": {"train": 8, "val": 200, "test": 200},
        "parameters": 1,
        "hardware": {"device": "none", "precision": "fp32"},
        "data": {"source": "made up", "digest": "0"},
    }
    io.write_json(folder / "config.json", config)
    io.write_json(folder / "done.json", {"seconds": 36.0})


@pytest.fixture(scope="session")
def fer2013_source() -> Path:
    """The zip, folder or CSV that FER2013=path names."""
    source = os.environ.get("FER2013")
    if not source:
        pytest.skip("the real FER2013 is not at hand; set FER2013=path to its zip, folder or CSV")
    return Path(source)


@pytest.fixture(scope="session")
def fer2013(request, tmp_path_factory) -> Faces:
    """The real FER2013: as prepared under data/, or prepared here from FER2013=path."""
    if (paths.DATA / "fer2013" / "dataset.json").exists():
        return open_store(paths.DATA / "fer2013")
    source = request.getfixturevalue("fer2013_source")
    return ingest.prepare(source, tmp_path_factory.mktemp("real") / "fer2013")
