"""Photographs: every face a row, every picture at least one, and nothing is silently wrong."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fer_utils
from fer_utils import paths
from fer_utils.data.dataset import Faces
from fer_utils.inference import drawing, photographs
from fer_utils.inference.cropping import crop, square

PORTRAIT = Path(__file__).with_name("astronaut.jpg")
CLASSES = ["happy", "sad"]
COLUMNS = ["source", "face", "left", "top", "width", "height", "score", *CLASSES]
needs_runtime = pytest.mark.skipif(
    find_spec("onnxruntime") is None,
    reason="faces are found with the extra deploy",
)


@pytest.fixture
def folder(tmp_path):
    """A portrait, two portraits side by side, no face, a small crop, a broken file."""
    portrait = Image.open(PORTRAIT)
    portrait.save(tmp_path / "a.png")
    both = Image.new("RGB", (1024, 512))
    both.paste(portrait, (512, 0))
    both.paste(portrait.resize((400, 400)), (0, 50))
    both.save(tmp_path / "b.png")
    Image.new("RGB", (300, 200), (90, 140, 200)).save(tmp_path / "c.png")
    portrait.crop((165, 50, 285, 185)).resize((48, 48)).save(tmp_path / "d.png")
    (tmp_path / "e.png").write_bytes(b"no image")
    return tmp_path


@needs_runtime
def test_one_row_per_face_and_one_for_a_picture_without_any(best, folder, capsys):
    frame = photographs.predict(best, folder)
    assert frame.columns.tolist() == [*COLUMNS, "label", "sure", "note"]
    assert frame["source"].map(lambda name: Path(name).name).tolist() == [
        *("a.png", "b.png", "b.png", "c.png", "d.png", "e.png")
    ]
    assert frame["face"].tolist() == [1, 1, 2, 0, 1, 0]
    assert frame["note"].tolist()[:5] == [
        *("", "", "", "no face found", "48×48 pixels: taken for a cropped face")
    ]
    assert "e.png: not a readable image" in frame["note"].iloc[5]
    assert frame["note"].iloc[5] in capsys.readouterr().err
    there = frame["face"] > 0
    np.testing.assert_allclose(frame.loc[there, CLASSES].sum(axis=1), 1, atol=1e-5)
    assert frame.loc[there, "label"].isin(CLASSES).all()
    absent = frame[~there]
    assert absent[[*COLUMNS[2:]]].isna().all(axis=None) and (absent["label"] == "").all()
    assert frame["sure"].dtype == bool and not absent["sure"].any()
    assert frame["score"].notna().tolist() == [True, True, True, False, False, False]
    assert frame["width"].iloc[1] > frame["width"].iloc[2]


@needs_runtime
def test_what_the_network_gets_is_the_stated_square(best, folder):
    picture = Image.open(folder / "a.png")
    row = photographs.predict(best, picture).iloc[0]
    box = row[["left", "top", "width", "height"]].to_numpy(float)
    pixels = crop(np.asarray(picture.convert("L")), *square(*box), 48)
    expected = best.predict(pixels)[CLASSES].to_numpy()[0]
    np.testing.assert_allclose(row[CLASSES].to_numpy(float), expected, atol=1e-6)


@needs_runtime
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_phones_picture_is_turned_upright_first(best, folder, tmp_path, orientation):
    upright = Image.open(folder / "a.png")
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    stored = upright.transpose(turn.get(orientation, Image.Transpose.ROTATE_270))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "phone.png", exif=exif)
    box = ["left", "top", "width", "height"]
    turned, straight = (
        photographs.predict(best, given)[box] for given in (tmp_path / "phone.png", upright)
    )
    pd.testing.assert_frame_equal(turned, straight)


@needs_runtime
def test_small_faces_are_remarked(best):
    picture = Image.new("RGB", (640, 480), (80, 90, 100))
    picture.paste(Image.open(PORTRAIT).resize((110, 110)), (200, 200))
    frame = photographs.predict(best, picture)
    # the face is 90×113 of 512 pixels, and the square 1.1 times their mean
    assert frame["note"].str.fullmatch(r"small face: 2\d pixels").tolist() == [True]


def test_crops_of_fer2013s_size_are_classified_as_before(best, exported):
    """The default of the command line changes nothing for them, and needs no detector."""
    images = np.array(exported.faces.images[:6])
    found, cropped = photographs.predict(best, images), best.predict(images)
    same = ["source", *CLASSES, "label", "sure"]
    pd.testing.assert_frame_equal(found[same], cropped[same])


@needs_runtime
def test_drawn_pictures_have_boxes_and_bars(best, folder, tmp_path):
    out = tmp_path / "out"
    again = folder / "again"
    again.mkdir()
    Image.open(folder / "c.png").save(again / "c.png")
    drawings = drawing.Drawings(out, best.classes)
    frame = photographs.predict(best, [folder / "a.png", folder / "c.png", again], use=drawings)
    assert sorted(path.name for path in out.iterdir()) == ["a.jpg", "c-1.jpg", "c.jpg"]
    picture = np.asarray(Image.open(out / "a.jpg")).astype(int)
    assert picture.shape == (512, 512 + drawing.CELL[0], 3)
    colour = drawing.SURE if frame["sure"].iloc[0] else drawing.UNSURE
    left, top, width, height = frame[["left", "top", "width", "height"]].iloc[0].round().astype(int)
    for y, x in ((top + height // 2, left + 1), (top + height - 1, left + width // 2)):
        near = picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
        assert np.abs(near - colour).sum(axis=1).min() < 60
    # the longest bar is the label's
    start = 512 + 10 + drawing.FACE + 10 + drawing.NAMES
    beyond = np.abs(picture[:, start + 2 :] - colour).sum(axis=2) > 90
    happy, sad = (beyond[8 + line * drawing.LINE + 6].argmax() for line in (1, 2))
    assert (happy > sad) == (frame["label"].iloc[0] == CLASSES[0]) and happy + sad > 90


@needs_runtime
def test_the_command_line(exported, folder, tmp_path):
    command = [sys.executable, "-m", "fer_utils", "predict", "--model", str(exported.path)]
    environment = os.environ | {"FER_HOME": str(tmp_path)}

    def fer(*arguments):
        given = [*command, *map(str, arguments)]
        return subprocess.run(given, env=environment, capture_output=True, text=True)

    done = fer(folder, "--draw", tmp_path / "out", "--csv", tmp_path / "faces.csv")
    assert done.returncode == 0 and "faces found: 4, in 5 images" in done.stdout, done.stderr
    assert len(pd.read_csv(tmp_path / "faces.csv")) == 6
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 4
    done = fer(folder / "a.png", "--faces", "cropped")
    assert done.returncode == 0 and "score" not in done.stdout, done.stderr
    done = fer(folder / "a.png", "--faces", "all")
    assert done.returncode == 2 and "unknown way with faces 'all'" in done.stderr
    done = fer(folder / "a.png", "--faces", "cropped", "--draw", "x")
    assert done.returncode == 2 and "leave out --faces cropped" in done.stderr
    done = fer("--help")
    text = " ".join(done.stdout.split())
    assert "EU AI Act (Art. 5(1)(f)" in text and "Faces are not feelings" in text


def test_without_onnx_runtime_one_line_says_what_to_install(exported, folder, tmp_path):
    program = (
        "import sys; sys.modules['onnxruntime'] = None; from fer_utils.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "predict", "--model", str(exported.path)]
    environment = os.environ | {"FER_HOME": str(tmp_path)}
    for picture, status in ((folder / "a.png", 2), (folder / "d.png", 0)):
        done = subprocess.run(
            [*command, str(picture)], env=environment, capture_output=True, text=True
        )
        assert done.returncode == status, done.stderr
        if status:
            assert "finding faces needs the package onnxruntime: pip install" in done.stderr
            assert len(done.stderr.splitlines()) == 1


@needs_runtime
def test_the_committed_network_on_the_portrait():
    """A smile, as anyone would say; a fault in crop, colours or turn would show."""
    frame = photographs.predict(
        fer_utils.load_best(paths.REFERENCE / "fer2013/best/model.safetensors"), PORTRAIT
    )
    assert (
        frame["label"].tolist() == ["happy"]
        and frame["happy"].iloc[0] > 0.8
        and frame["sure"].all()
    )


@pytest.mark.real
@needs_runtime
def test_faces_in_larger_pictures_are_found_and_named(fer2013: Faces):
    """Real faces at known places: most are found there, and little accuracy is lost."""
    from fer_utils.deploy import photograph_accuracy
    from fer_utils.inference.detection import Detector

    best = fer_utils.load_best(paths.REFERENCE / "fer2013" / "best" / "model.safetensors")
    rows = fer2013.rows(best.classes, ("PrivateTest",))[::9]
    finds, false = photograph_accuracy.find(fer2013, rows, 96, "border repeated", Detector())
    scores = photograph_accuracy.found_scores(best, fer2013, finds)
    assert len(finds) == len(rows) and scores["found"] > 0.8 and false < 0.02 * len(rows)
    assert scores["overlap"] > 0.75 and scores["right_found"] > scores["right_given"] - 0.06
