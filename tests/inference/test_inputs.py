"""Any form of image gives one answer, and what is none gives one clear line."""

import numpy as np
import pytest
import torch
from PIL import Image

from fer_utils.errors import FerError
from fer_utils.inference import inputs

CLASSES = ["happy", "sad"]


def test_every_form_of_one_face_gives_one_answer(best, face, tmp_path):
    Image.fromarray(face).save(tmp_path / "a.png")
    colour, share, tensor = np.stack([face] * 3, -1), face / 255, torch.from_numpy(face)
    forms = [
        *(tmp_path / "a.png", str(tmp_path / "a.png"), [tmp_path / "a.png"], tmp_path),
        *(Image.fromarray(face), face, face[None], face[..., None], face[None, ..., None]),
        *(face[None, None], colour, colour[None], np.moveaxis(colour, 2, 0)[None]),
        *(share, share.astype(np.float32), (share - 0.5) * 1.0001 + 0.5, face.astype(np.int64)),
        *(tensor, tensor[None, None], torch.from_numpy(colour).permute(2, 0, 1)[None]),
        *(torch.from_numpy(share), [face], (tensor,), [[face]]),
    ]
    answers = [best.predict(form)[CLASSES].to_numpy() for form in forms]
    assert all(answer.shape == (1, 2) for answer in answers)
    for answer in answers:
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)


def test_colour_is_told_from_grey_by_its_axis_of_channels():
    """Where both ends could be channels, the last one is."""
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), np.uint8)
    pictures = [load() for _, load in inputs.find(images)]
    assert [(picture.mode, picture.size) for picture in pictures] == [("RGB", (16, 16))] * 2
    np.testing.assert_array_equal(np.asarray(pictures[1]), images[1].transpose(1, 2, 0))
    for flat, shape in ((images[..., :3], "2×3×16×3"), (np.zeros((10, 1, 16, 3)), "10×1×16×3")):
        with pytest.raises(FerError, match=f"an array of {shape} is no image"):
            inputs.find(flat)
    assert len(inputs.find(images[:, 0])) == 2 and len(inputs.find(images[0, 0])) == 1


def test_floats_become_the_nearest_of_256_levels():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for precision in (np.float16, np.float32, np.float64):
        [(_, load)] = inputs.find((levels / 255).astype(precision))
        np.testing.assert_array_equal(np.asarray(load()), levels)


def test_images_are_named_by_their_path_or_their_position(tmp_path):
    picture = Image.new("L", (48, 32), 7)
    picture.save(tmp_path / "a.png")
    unopened = inputs.find([picture, tmp_path / "a.png", picture])
    squares = list(inputs.as_squares(unopened, "RGB", 16))
    assert [source for source, _, _ in squares] == [0, str(tmp_path / "a.png"), 2]
    assert all(pixels.shape == (16, 16, 3) and (pixels == 7).all() for _, pixels, _ in squares)


def test_a_path_may_begin_at_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    Image.new("L", (16, 16)).save(tmp_path / "a.png")
    assert inputs.find("~/a.png")[0][0] == str(tmp_path / "a.png")


def test_any_size_and_the_centred_square_of_what_is_not_square(best, face):
    wide = np.concatenate([np.zeros((48, 20), np.uint8), face, np.full((48, 20), 255, np.uint8)], 1)
    np.testing.assert_allclose(best.predict(wide)[CLASSES], best.predict(face)[CLASSES], atol=1e-6)
    large = np.asarray(Image.fromarray(face).resize((200, 200), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(best.predict(large)[CLASSES], best.predict(face)[CLASSES], atol=0.1)


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
        (np.full((48, 48), -0.5, np.float32), "-0.5 to -0.5; .* normalised images must be turned"),
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
