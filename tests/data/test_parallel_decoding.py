"""Many images into one array: in one process or several, and the unreadable by name."""

import zipfile

import numpy as np
import pytest
from PIL import Image
from test_ingest import jpeg, tree

from fer_utils.data import ingest, parallel_decoding
from fer_utils.data.decoding import Form
from fer_utils.errors import FerError


@pytest.mark.parametrize(
    "odd, shape", [(None, (24, 24)), ("L", (224, 224)), ("RGB", (224, 224, 3))]
)
def test_several_processes_make_the_same_store(tmp_path, monkeypatch, odd, shape):
    """Also where a late image is of another size or colour than those before it."""
    tree(
        tmp_path / "in",
        [f"{cls}/{i:03}.png" for cls in ("a", "b") for i in range(100)],
        size=(24, 24),
    )
    if odd:
        tree(tmp_path / "in", ["b/100.png"], size=(30, 24), mode=odd)
    alone = ingest.prepare(tmp_path / "in", tmp_path / "alone")
    monkeypatch.setattr(parallel_decoding, "WORTH", 10)
    monkeypatch.setattr(parallel_decoding, "_cores", lambda: 3)
    together = ingest.prepare(tmp_path / "in", tmp_path / "together")
    assert alone.digest == together.digest and together.images.shape[1:] == shape
    (tmp_path / "in" / "b" / "050.png").write_bytes(b"no image")
    with pytest.raises(FerError, match=r"b/050.png: not a readable image"):
        ingest.prepare(tmp_path / "in", tmp_path / "broken")


def test_the_form_that_all_images_are_brought_to():
    small, wide = Form(24, 24, True), Form(24, 30, True)
    coloured = Form(24, 24, False)
    common = parallel_decoding.common
    assert common([small, small], None, None) == small and small.shape == (24, 24)
    assert common([small, coloured], None, None) == coloured and coloured.shape == (24, 24, 3)
    assert common([small, wide], None, None) == common([wide], None, None) == Form(224, 224, True)
    assert common([small, coloured], 48, True) == Form(48, 48, True)


def test_an_image_that_cannot_be_read_from_its_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(10):
            archive.writestr(f"train/happy/{number}.png", jpeg(number))
    content = (tmp_path / "a.zip").read_bytes()
    place = content.index(jpeg(7)) + 20  # its checksum no longer fits
    damaged = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    (tmp_path / "a.zip").write_bytes(damaged)
    with pytest.raises(FerError, match=r"train/happy/7.png: not a readable image \(Bad CRC"):
        ingest.prepare(tmp_path / "a.zip", tmp_path / "out")


def test_pixels_arrive_in_the_order_of_the_names(tmp_path, monkeypatch):
    for value in range(50):
        Image.fromarray(np.full((4, 4), value, np.uint8)).save(tmp_path / f"{value}.png")
    monkeypatch.setattr(parallel_decoding, "CHUNK", 3)
    names = [f"{value}.png" for value in reversed(range(50))]
    read = lambda name: (tmp_path / name).read_bytes()  # noqa: E731
    parallel_decoding.write_images(tmp_path / "images.npy", names, read, 4, True)
    images = np.load(tmp_path / "images.npy")
    assert images.shape == (50, 4, 4) and images[:, 0, 0].tolist() == list(reversed(range(50)))
