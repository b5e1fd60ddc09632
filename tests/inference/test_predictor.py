"""What is predicted for images, one by one and together, from Python and from the command line."""

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
from fer_utils import paths
from fer_utils.errors import FerError

CLASSES = ["happy", "sad"]


def test_many_at_once_are_one_by_one(best, exported):
    images = np.array(exported.faces.images[:5])
    together = best.predict(images)
    mixed = best.predict([images[0], Image.fromarray(images[1]), images[2:]])
    pd.testing.assert_frame_equal(together, mixed)
    alone = [best.predict(image)[CLASSES].to_numpy()[0] for image in images]
    np.testing.assert_allclose(together[CLASSES], alone, atol=1e-5)


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
    assert len(told) == 2
    assert "b/broken.png: not a readable image" in told[0] and "zero bytes" in told[1]
    assert [error for error in frame["error"] if error] == [
        line.removeprefix("fer_utils: ") for line in told
    ]
    some = best.predict([tmp_path / "a.png", tmp_path / "nowhere.png"])
    assert some["error"].tolist() == ["", f"{tmp_path / 'nowhere.png'}: no such file or folder"]


def test_what_is_no_exported_network(tmp_path, exported):
    with pytest.raises(FerError, match="no exported network; make one with"):
        fer_utils.load_best(tmp_path / "nowhere.safetensors")
    with pytest.raises(FerError, match="no exported network; make one with"):
        fer_utils.load_best("x" * 300)
    other = save({"weight": torch.zeros(1)}, {"model": '"cnn"', "classes": "3"})
    contents = {
        "text": b"text",
        "half": exported.path.read_bytes()[:5000],
        "none": b"",
        "other": other,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FerError, match="not a network exported by this package") as refused:
            fer_utils.load_best(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_without_a_path_the_users_own_network_comes_before_the_committed_one(
    exported, tmp_path, monkeypatch
):
    own, reference = tmp_path / "own", tmp_path / "reference"
    monkeypatch.setattr(paths, "RESULTS", own)
    monkeypatch.setattr(paths, "REFERENCE", reference)
    with pytest.raises(FerError, match=r"own/fer2013/best/model\.safetensors: no exported network"):
        fer_utils.load_best()
    for home, text in ((reference, b"reference"), (own, exported.path.read_bytes())):
        (home / "fer2013" / "best").mkdir(parents=True)
        (home / "fer2013" / "best" / "model.safetensors").write_bytes(text)
    assert fer_utils.load_best().about["run"] == exported.folder.name


def test_a_broken_file_keeps_its_row_before_and_after_others(best, face, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    alone = best.predict(face)
    for broken, given in (
        (0, [tmp_path / "broken.png", face]),
        (1, [face, tmp_path / "broken.png"]),
    ):
        frame = best.predict(given)
        pd.testing.assert_frame_equal(
            frame[CLASSES].iloc[[1 - broken]].reset_index(drop=True), alone[CLASSES]
        )
        assert frame[CLASSES].iloc[broken].isna().all()
        assert frame["label"].tolist()[broken] == "" and frame["error"].iloc[1 - broken] == ""


def test_the_package_alone_does_not_import_torch():
    lines = ("import sys, fer_utils", "assert 'torch' not in sys.modules", "fer_utils.load_best")
    subprocess.run([sys.executable, "-c", "; ".join(lines)], check=True, cwd=paths.CHECKOUT)
    with pytest.raises(AttributeError, match="no attribute 'load_worst'"):
        fer_utils.load_worst  # noqa: B018


def test_the_command_line(exported, face, tmp_path):
    def fer(*arguments):
        command = [sys.executable, "-m", "fer_utils", "predict", *map(str, arguments)]
        environment = os.environ | {"FER_HOME": str(tmp_path), "PYTHONPATH": str(paths.CHECKOUT)}
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    Image.fromarray(face).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    done = fer(tmp_path / "a.png", "--model", exported.path)
    assert done.returncode == 0 and "happy" in done.stdout and "a.png" in done.stdout, done.stderr
    done = fer(tmp_path, "--model", exported.path, "--csv", tmp_path / "out" / "faces.csv")
    assert done.returncode == 0 and done.stderr.count("\n") == 1 and "b.png" in done.stderr
    assert "faces found: 1, in 2 images" in done.stdout
    frame = pd.read_csv(tmp_path / "out" / "faces.csv")
    assert len(frame) == 2 and frame[CLASSES].iloc[0].sum() == pytest.approx(1, abs=1e-5)
    done = fer(tmp_path / "b.png", "--model", exported.path)
    assert done.returncode == 2
    assert done.stderr.startswith("fer_utils: ") and done.stderr.count("\n") == 1
