"""Every kind of picture: prepared and predicted from the same pixels, and the right ones."""

import struct

import numpy as np
import pytest
from PIL import Image

from fer_utils.data import decoding, ingest
from fer_utils.errors import FerError
from fer_utils.inference import inputs

SIDE = 16
RAMP = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE)  # every grey once
GREY = Image.fromarray(RAMP)
COLOUR = Image.merge("RGB", (GREY, GREY.rotate(90), GREY.rotate(180)))
HOLED = Image.fromarray(np.where(RAMP < 128, 0, 255).astype(np.uint8))  # alpha: no upper half
SEEN = np.where(RAMP < 128, 128, RAMP)  # the backdrop in its place
WITHOUT_WHITE = np.where(RAMP == 255, 128, RAMP)
BLACK_AND_WHITE = np.where(RAMP < 128, 0, 255)


def wide(dtype, factor=257) -> Image.Image:
    return Image.fromarray(RAMP.astype(dtype) * dtype(factor))


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.stack([grey] * 3, 2)


def tiff(values: np.ndarray, bits: int, photometric: int) -> bytes:
    """A grey TIFF, little-endian; Pillow writes none of 12 bits or with white as zero."""
    if bits == 12:  # two values in three bytes
        first, second = values.reshape(-1, 2).astype(np.uint16).T
        packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], 1)
        data = packed.astype(np.uint8).tobytes()
    else:
        data = values.astype("<u2").tobytes()
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 134, 277: 1}
    tags |= {278: height, 279: len(data), 339: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + struct.pack("<I", 0) + data


FILES = {
    "8 bits.png": (GREY, {}, RAMP),
    "16 bits.png": (wide(np.uint16), {}, RAMP),
    "16 bits.tif": (wide(np.uint16), {}, RAMP),
    "16 bits.pgm": (wide(np.uint16), {}, RAMP),
    "16 bits and dark.png": (wide(np.uint16, 1), {}, np.rint(RAMP / 257)),
    "16 bits and dark.pgm": (wide(np.uint16, 1), {}, np.rint(RAMP / 257)),
    "16 bits and a hole.png": (wide(np.uint16), {"transparency": 255 * 257}, WITHOUT_WHITE),
    "white is zero.tif": (tiff(65535 - RAMP.astype(np.uint16) * 257, 16, 0), {}, RAMP),
    "12 bits.tif": (tiff(RAMP.astype(np.uint16) * 16, 12, 1), {}, np.rint(RAMP * (4080 / 4095))),
    "32 bits, small values.tif": (wide(np.int32, 1), {}, RAMP),
    "32 bits, large values.tif": (wide(np.int32), {}, RAMP),
    "floats to 1.tif": (wide(np.float32, 1 / 255), {}, RAMP),
    "floats to 255.tif": (wide(np.float32, 1), {}, RAMP),
    "floats to 65535.tif": (wide(np.float32), {}, RAMP),
    "1 bit.png": (Image.fromarray(BLACK_AND_WHITE > 0), {}, BLACK_AND_WHITE),
    "grey with alpha.png": (Image.merge("LA", (GREY, HOLED)), {}, SEEN),
    "grey with a hole.png": (GREY, {"transparency": 255}, WITHOUT_WHITE),
    "colour.png": (COLOUR, {}, COLOUR),
    "colour with alpha.png": (Image.merge("RGBA", (GREY, GREY, GREY, HOLED)), {}, rgb(SEEN)),
    "palette.png": (Image.merge("RGB", [GREY] * 3).quantize(256), {}, rgb(RAMP)),
    "palette with a hole.png": (
        GREY.convert("P"), {"transparency": 255}, rgb(WITHOUT_WHITE),
    ),
    "palette with alpha.png": (
        GREY.convert("P"), {"transparency": bytes([0] * 128 + [255] * 128)}, rgb(SEEN),
    ),
    "inks.tif": (COLOUR.convert("CMYK"), {}, COLOUR),
    "inks.jpg": (Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0)), {"quality": 100}, [254, 0, 0]),
    "several frames.gif": (GREY, {"save_all": True, "append_images": [GREY.rotate(90)]}, RAMP),
    "several frames.tif": (GREY, {"save_all": True, "append_images": [GREY.rotate(90)]}, RAMP),
    "several frames.png": (GREY, {"save_all": True, "append_images": [GREY.rotate(90)]}, RAMP),
}  # fmt: skip


def written(path, image, options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image) if isinstance(image, bytes) else image.save(path, **options)


@pytest.mark.parametrize("name", FILES)
def test_it_is_prepared_and_predicted_from_the_same_right_pixels(name, tmp_path):
    image, options, meant = FILES[name]
    for cls in ("a", "b"):
        for part in ("train", "test"):
            written(tmp_path / "in" / part / cls / name, image, options)
    prepared = ingest.prepare(tmp_path / "in", tmp_path / "out").images[0]
    rounding = 1 if "inks" in name else 0
    np.testing.assert_allclose(prepared, np.broadcast_to(meant, prepared.shape), atol=rounding)
    mode = "L" if prepared.ndim == 2 else "RGB"
    files = inputs.find(tmp_path / "in" / "train" / "a" / name)
    ((_, predicted, error),) = inputs.as_squares(files, mode, SIDE)
    assert error == ""
    np.testing.assert_array_equal(predicted, prepared)


@pytest.mark.parametrize(
    "values, said",
    [
        (np.full((SIDE, SIDE), 70000, np.int32), r"from 70000 to 70000 \(mode I\)"),
        (np.full((SIDE, SIDE), -1, np.int32), r"from -1 to -1 \(mode I\)"),
        (np.full((SIDE, SIDE), np.nan, np.float32), r"from nan to nan \(mode F\)"),
        (np.full((SIDE, SIDE), -0.5, np.float32), r"from -0.5 to -0.5 \(mode F\)"),
    ],
)
def test_values_that_no_rule_covers_are_refused_by_name(values, said, tmp_path):
    written(tmp_path / "in" / "train" / "a" / "odd.tif", Image.fromarray(values), {})
    complaint = rf"train/a/odd.tif: values {said}; they must lie in 0..255 or 0..65535"
    with pytest.raises(FerError, match=complaint):
        ingest.prepare(tmp_path / "in", tmp_path / "out")
    files = inputs.find(tmp_path / "in" / "train" / "a" / "odd.tif")
    ((_, pixels, error),) = inputs.as_squares(files, "L", SIDE)
    assert pixels is None and "odd.tif: values from" in error


def test_a_picture_of_more_than_8_bits_is_grey_to_a_store_that_keeps_colours(tmp_path):
    """And a turned one is turned, as any other."""
    exif = Image.Exif()
    exif[0x0112] = 3
    wide(np.uint16).save(tmp_path / "a.png", exif=exif)
    assert decoding.form_of(lambda name: (tmp_path / name).read_bytes(), "a.png").grey
    seen = decoding.as_pixels(Image.open(tmp_path / "a.png"), "L", SIDE, SIDE, "a.png")
    np.testing.assert_array_equal(seen, RAMP[::-1, ::-1])
