"""The exported network: the run's own probabilities, from any form of image; one clear line for what is none."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save

import fer_utils
import fer_utils.data.dataset
from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.finished_run import load_finished_run
from fer_utils.experiments.runner import run
from fer_utils.inference import export
from fer_utils.training.experiment import Experiment

CLASSES = ["happy", "sad"]


@pytest.fixture(scope="module")
def made(drawn, tmp_path_factory):
    """(run folder, exported file, the faces) of a network trained for two epochs."""
    home = tmp_path_factory.mktemp("home")
    drawn.save(home / "data" / "drawn")
    faces = fer_utils.data.dataset.open_store(home / "data" / "drawn")
    tiny = Experiment(
        dataset="drawn",
        task="binary",
        epochs=2,
        batch_size=8,
        model="small_resnet",
        tta="flip",
        cap=None,
    )
    folder = run(tiny, "cpu", "fp32", results=home / "results", faces=faces)
    path = home / "best" / "model.safetensors"
    export.export(folder, path, faces)
    return folder, path, faces


@pytest.fixture(scope="module")
def best(made):
    return fer_utils.load_best(made[1])


@pytest.fixture
def face(made):
    return np.array(made[2].images[0])


def test_the_file_gives_the_runs_own_probabilities(made, best):
    folder, path, faces = made
    saved = load_finished_run(folder).predictions
    frame = best.predict(faces.images[saved["test_rows"]])
    assert list(frame.columns) == ["source", *CLASSES, "label", "error"]
    np.testing.assert_allclose(frame[CLASSES], probabilities(saved["test_logits"]), atol=5e-3)
    assert (frame["label"] == np.array(CLASSES)[frame[CLASSES].to_numpy().argmax(1)]).all()
    assert frame["source"].tolist() == list(range(len(frame))) and (frame["error"] == "").all()
    assert path.stat().st_size < export.LARGEST


def test_the_file_says_what_it_is(made, best):
    about = best.about
    assert about["classes"] == CLASSES and about["size"] == 48 and about["channels"] == 1
    assert (
        about["run"] == made[0].name
        and about["digest"] == made[2].digest
        and about["tta"] == "flip"
    )
    assert about["precision"] == "float16" and 0 < about["difference"] <= export.COST
    assert about["images_per_second"] > 0 and "cpu" in about["device"] and int(about["threads"]) > 0
    saved = load_finished_run(made[0]).predictions
    right = saved["test_logits"].argmax(1) == saved["test_labels"]
    assert about["test"] == pytest.approx(right.mean(), abs=1e-4) and about["test_images"] == len(
        right
    )


def test_who_may_read_the_other_results_may_read_the_file(made):
    assert made[1].stat().st_mode == (made[0] / "metrics.csv").stat().st_mode


def test_single_precision_where_half_would_cost(made, tmp_path, monkeypatch):
    difference = fer_utils.load_best(made[1]).about["difference"]
    monkeypatch.setattr(export, "COST", difference / 2)
    with pytest.raises(FerError, match=r"m\.safetensors: 11\.2 MB; more than 10 are too many"):
        export.export(made[0], tmp_path / "m.safetensors", made[2])
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(export, "LARGEST", 12_000_000)
    about = export.export(made[0], tmp_path / "m.safetensors", made[2]).about
    assert about["precision"] == "float32" and about["difference"] < difference / 2


def test_a_public_backbone_can_be_exported_as_well(made, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGEST", 30e6)
    tiny = Experiment(
        dataset="drawn", task="happy+sad", model="resnet18_scratch", image_size=32, cap=10, epochs=1
    )
    folder = run(tiny, "cpu", results=tmp_path / "results", faces=made[2])
    best = export.export(folder, tmp_path / "model.safetensors", made[2])
    assert best.about["mean"] == pytest.approx([0.485, 0.456, 0.406])
    # it enlarges or shrinks what the run was tested on by itself, and saw no colour
    saved = load_finished_run(folder).predictions
    faces = [Image.fromarray(face).convert("RGB") for face in made[2].images[saved["test_rows"]]]
    np.testing.assert_allclose(
        best.predict(faces)[CLASSES], probabilities(saved["test_logits"]), atol=5e-3
    )


def test_a_checkpoint_of_another_network_is_refused(made, tmp_path):
    folder = tmp_path / made[0].name
    folder.mkdir()
    for file in made[0].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    state = torch.load(folder / "last.pth", weights_only=True)
    state["body.head.3.bias"] += torch.tensor([1.0, -1.0])
    torch.save(state, folder / "last.pth")
    with pytest.raises(FerError, match="does not give the probabilities"):
        export.export(folder, tmp_path / "m.safetensors", made[2])
    (folder / "last.pth").unlink()
    with pytest.raises(FerError, match="the checkpoint is not here"):
        export.export(folder, tmp_path / "m.safetensors", made[2])
    assert not list(tmp_path.glob("m.*"))


def test_every_form_of_one_face_gives_one_answer(best, face, tmp_path):
    Image.fromarray(face).save(tmp_path / "a.png")
    colour = np.stack([face] * 3, -1)
    forms = [
        tmp_path / "a.png", str(tmp_path / "a.png"), [tmp_path / "a.png"], tmp_path, Image.fromarray(face), face,
        colour, face[None], colour[None], face / 255, (face / 255).astype(np.float32), face.astype(np.int64),
        torch.from_numpy(face), torch.from_numpy(face)[None, None], torch.from_numpy(colour).permute(2, 0, 1)[None],
        torch.from_numpy(face / 255.0), [face], [torch.from_numpy(face)], face[..., None], face[None, ..., None],
        face[None, None], np.moveaxis(colour, 2, 0)[None], (face / 255 - 0.5) * 1.0001 + 0.5,
    ]  # fmt: skip
    answers = [best.predict(form)[CLASSES].to_numpy() for form in forms]
    assert all(answer.shape == (1, 2) for answer in answers)
    np.testing.assert_allclose(
        np.concatenate(answers), np.repeat(answers[0], len(forms), axis=0), atol=1e-6
    )


def test_many_at_once_are_one_by_one(best, made):
    images = np.array(made[2].images[:5])
    together, mixed = (
        best.predict(images),
        best.predict([images[0], Image.fromarray(images[1]), images[2:]]),
    )
    pd.testing.assert_frame_equal(together, mixed)
    alone = [best.predict(image)[CLASSES].to_numpy()[0] for image in images]
    np.testing.assert_allclose(together[CLASSES], alone, atol=1e-5)


def test_any_size_and_the_centred_square_of_what_is_not_square(best, face):
    wide = np.concatenate([np.zeros((48, 20), np.uint8), face, np.full((48, 20), 255, np.uint8)], 1)
    np.testing.assert_allclose(best.predict(wide)[CLASSES], best.predict(face)[CLASSES], atol=1e-6)
    large = np.asarray(Image.fromarray(face).resize((200, 200), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(best.predict(large)[CLASSES], best.predict(face)[CLASSES], atol=0.1)


def test_a_broken_file_is_named_and_the_rest_predicted(best, face, tmp_path, capsys):
    (tmp_path / "b").mkdir()
    for name in ("a.png", "b/c.jpg"):
        Image.fromarray(face).save(tmp_path / name)
    (tmp_path / "b" / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:100])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / ".hidden.png").write_bytes(b"junk")
    (tmp_path / "notes.txt").write_text("no image")
    frame = best.predict(tmp_path)
    names = ["a.png", "b/broken.png", "b/c.jpg", "empty.png"]
    assert frame["source"].tolist() == [str(tmp_path / name) for name in names]
    assert frame[CLASSES].notna().all(axis=1).tolist() == [True, False, True, False]
    assert frame["label"].isin(CLASSES).tolist() == [True, False, True, False]
    told = capsys.readouterr().err.splitlines()
    assert told.pop(0) == f"fer_utils: {tmp_path}: 1 other files left out (.txt)"
    assert (
        len(told) == 2
        and "b/broken.png: not a readable image" in told[0]
        and "zero bytes" in told[1]
    )
    assert [error for error in frame["error"] if error] == [
        line.removeprefix("fer_utils: ") for line in told
    ]
    some = best.predict([tmp_path / "a.png", tmp_path / "nowhere.png"])
    assert some["error"].tolist() == ["", f"{tmp_path / 'nowhere.png'}: no such file or folder"]


@pytest.mark.parametrize(
    "images, complaint",
    [
        ([], "the list is empty"),
        (np.zeros((0, 48, 48)), r"the array is empty \(0×48×48\)"),
        (np.zeros(48), "an array of 48 is no image"),
        (np.zeros(()), "an array of no axes is no image"),
        (np.zeros((2, 2, 48, 48, 3)), "an array of 2×2×48×48×3 is no image"),
        (np.zeros((48, 48, 4), np.uint8), "an array of 48×48×4 is no image"),
        (np.zeros((2, 48, 48, 2), np.uint8), "an array of 2×48×48×2 is no image"),
        (np.full((48, 48), np.nan), "hold NaN"),
        (np.full((48, 48), 1.5), r"of type float64 must lie in 0–1; found 1.5 to 1.5"),
        (np.full((48, 48), -0.5, np.float32), "found -0.5 to -0.5; .* normalised images must be turned back"),
        (np.full((48, 48), np.inf), "must lie in 0–1"),
        (np.full((48, 48), 256, np.int32), "of type int32 must lie in 0–255; found 256 to 256$"),
        (np.full((48, 48), -1, np.int8), "must lie in 0–255"),
        (np.zeros((48, 48), bool), "integers 0–255 or floats 0–1; got bool"),
        (np.zeros((48, 48), complex), "got complex128"),
        (torch.zeros(3, 48, 48), "3×48×48 may be one colour image or three grey ones"),
        ("", "the path is empty"),
        (torch.full((1, 1, 48, 48), float("nan")), "hold NaN"),
        (Image.new("I", (48, 48), 70000), r"0: values from 70000 to 70000 \(mode I\)"),
        (Image.new("L", (4, 48)), "0: 4×48 pixels; at least 8×8 are needed"),
        (7, "cannot read images from a int"),
        (None, "cannot read images from a NoneType"),
        ("nowhere.png", "nowhere.png: no such file or folder"),
        ("~$nowhere.png", r"^~\$nowhere.png: no such file or folder"),
        ("x" * 300, "xxx: no such file or folder"),
        (["nowhere.png", "neither.png"], "none of 2 images: nowhere.png: no such file"),
    ],
)  # fmt: skip
def test_what_is_refused(best, images, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FerError, match=complaint) as refused:
        best.predict(images)
    assert "\n" not in str(refused.value)


def test_an_empty_folder_and_a_broken_file_alone_are_refused(best, tmp_path):
    with pytest.raises(FerError, match="no images in this folder"):
        best.predict(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(FerError, match=r"a\.png: not a readable image \(of no known kind\)"):
        best.predict(tmp_path / "a.png")


def test_what_is_transparent_is_grey(best, face):
    hidden = np.stack([face, np.full_like(face, 255)], -1)
    hidden[:, :24, 1] = 0
    shown = face.copy()
    shown[:, :24] = 128
    seen, meant = (
        best.predict(picture)[CLASSES] for picture in (Image.fromarray(hidden, "LA"), shown)
    )
    np.testing.assert_allclose(seen, meant, atol=1e-6)


def test_what_is_no_exported_network(tmp_path, made):
    with pytest.raises(FerError, match="no exported network; make one with"):
        fer_utils.load_best(tmp_path / "nowhere.safetensors")
    with pytest.raises(FerError, match="no exported network; make one with"):
        fer_utils.load_best("x" * 300)
    other = save({"weight": torch.zeros(1)}, {"model": '"cnn"', "classes": "3"})
    contents = {"text": b"text", "half": made[1].read_bytes()[:5000], "none": b"", "other": other}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FerError, match="not a network exported by this package") as refused:
            fer_utils.load_best(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_the_package_alone_does_not_import_torch():
    code = "import sys, fer_utils; assert 'torch' not in sys.modules; fer_utils.load_best; import torch"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.CHECKOUT)
    with pytest.raises(AttributeError, match="no attribute 'load_worst'"):
        fer_utils.load_worst  # noqa: B018


def test_the_command_line(made, face, tmp_path):
    def fer(*arguments):
        command = [sys.executable, "-m", "fer_utils", "predict", *map(str, arguments)]
        environment = os.environ | {"FER_HOME": str(tmp_path), "PYTHONPATH": str(paths.CHECKOUT)}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    Image.fromarray(face).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    done = fer(tmp_path / "a.png", "--model", made[1])
    assert done.returncode == 0 and "happy" in done.stdout and "a.png" in done.stdout, done.stderr
    done = fer(tmp_path, "--model", made[1], "--csv", tmp_path / "out" / "faces.csv")
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "b.png" in done.stderr
    assert "1 of 2 images" in done.stdout
    frame = pd.read_csv(tmp_path / "out" / "faces.csv")
    assert len(frame) == 2 and frame[CLASSES].iloc[0].sum() == pytest.approx(1, abs=1e-5)
    done = fer(tmp_path / "b.png", "--model", made[1])
    assert (
        done.returncode == 2
        and done.stderr.startswith("fer_utils: ")
        and done.stderr.count("\n") == 1
    )
