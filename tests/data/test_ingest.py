"""Every public form of FER2013 and any folder of class folders; and what is said of broken ones."""

import io
import struct
import sys
import types
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageOps

from fer_utils.data import decoding, ingest
from fer_utils.errors import FerError


def jpeg(value=100, size=(48, 48), mode="L") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, 20, 30)).save(stream, "PNG")
    return stream.getvalue()


def tree(folder, names, **image):
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number, **image))
    return folder


KAGGLE = [
    "train/happy/Training_1.jpg",
    "train/sad/Training_2.jpg",
    "test/happy/PublicTest_3.jpg",
    "test/sad/PrivateTest_4.jpg",
]


def test_kaggle_folder_keeps_names_and_original_split(tmp_path):
    faces = ingest.prepare(tree(tmp_path / "in", KAGGLE), tmp_path / "out")
    assert dict(zip(faces.index["name"], faces.index["split"], strict=True)) == {
        "train/happy/Training_1.jpg": "Training",
        "train/sad/Training_2.jpg": "Training",
        "test/happy/PublicTest_3.jpg": "PublicTest",
        "test/sad/PrivateTest_4.jpg": "PrivateTest",
    }
    assert faces.images.shape == (4, 48, 48)
    row = faces.index.index[faces.index["name"] == "train/sad/Training_2.jpg"][0]
    assert (faces.images[row] == 1).all()


def test_zip_with_a_folder_above_capitals_and_junk_is_the_same_data(tmp_path):
    plain = ingest.prepare(tree(tmp_path / "in", KAGGLE), tmp_path / "plain")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, name in enumerate(KAGGLE):
            archive.writestr(f"archive/{name}", jpeg(number))
        archive.writestr("__MACOSX/archive/train/happy/._Training_1.jpg", b"junk")
        archive.writestr("archive/.DS_Store", b"junk")
        archive.writestr("archive/readme.txt", b"hello")
    zipped = ingest.prepare(tmp_path / "a.zip", tmp_path / "zipped")
    assert zipped.digest == plain.digest
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for number, name in enumerate(KAGGLE):
            archive.writestr(
                name.replace("happy", "Happy").replace("train/", "Train/"), jpeg(number)
            )
    capitals = ingest.prepare(tmp_path / "b.zip", tmp_path / "capitals")
    assert sorted(capitals.index["label"]) == ["happy", "happy", "sad", "sad"]
    assert (capitals.index["split"] == "Training").sum() == 2


@pytest.mark.parametrize(
    "header, order", [("emotion,pixels,Usage", (0, 1, 2)), ("emotion, Usage, pixels", (0, 2, 1))]
)
def test_both_csv_forms(tmp_path, header, order):
    rows = [("3", " ".join(["7"] * 16), "Training"), ("4", " ".join(["250"] * 16), "PrivateTest")]
    lines = [",".join(row[i] for i in order) for row in rows]
    (tmp_path / "fer.csv").write_text("\n".join([header, *lines]))
    faces = ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")
    # the CSV's own order of emotions, not the alphabet
    assert list(faces.index["label"]) == ["happy", "sad"]
    assert list(faces.index["split"]) == ["Training", "PrivateTest"]
    assert faces.images[:, 0, 0].tolist() == [7, 250]


def test_photos_of_mixed_sizes_and_colours_without_a_test_split(tmp_path):
    for cls in ("cat", "dog"):
        tree(tmp_path / "in", [f"{cls}/{i}.png" for i in range(4)], size=(80, 60), mode="RGB")
        tree(tmp_path / "in", [f"{cls}/g{i}.png" for i in range(6)], size=(30, 50))
    faces = ingest.prepare(tmp_path / "in", tmp_path / "out")
    assert faces.images.shape == (20, 224, 224, 3)
    assert faces.counts().to_dict() == {
        "Training": {"cat": 8, "dog": 8},
        "Test": {"cat": 2, "dog": 2},
    }
    small = ingest.prepare(tmp_path / "in", tmp_path / "small", size=32, grey=True)
    assert small.images.shape == (20, 32, 32)
    assert (small.index == faces.index).all().all()


def test_a_photo_is_turned_the_way_the_camera_says(tmp_path):
    image = Image.new("L", (8, 8))
    image.paste(255, (0, 0, 8, 4))  # the upper half is white
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90° clockwise for viewing: the white half comes to the right
    for i in range(5):
        path = tmp_path / "in" / "a" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, exif=exif)
    turned = ingest.prepare(tmp_path / "in", tmp_path / "out").images[0]
    assert (turned[:, 4:] == 255).all() and (turned[:, :4] == 0).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_as_pillow_does_whatever_else_their_exif_holds(orientation, tmp_path):
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = orientation, "software"
    image.save(tmp_path / "sound.png", exif=exif)
    meant = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "sound.png")))
    # the program's name, declared as a floating-point number: Pillow reads that and cannot write it
    as_text, as_float = (
        struct.pack(">HHI", 0x0131, kind, count) for kind, count in ((2, 9), (11, 1))
    )
    assert as_text in exif.tobytes()
    image.save(tmp_path / "odd.png", exif=exif.tobytes().replace(as_text, as_float))
    for name in ("sound.png", "odd.png"):
        seen = decoding.as_pixels(Image.open(tmp_path / name), "L", 8, 8, name)
        np.testing.assert_array_equal(seen, meant)


GOOD = " ".join(["1"] * 16)


@pytest.mark.parametrize(
    "row, complaint",
    [
        (f"9,{GOOD},Training", "line 3: emotion '9'"),
        (f"happy,{GOOD},Training", "line 3: emotion 'happy'"),
        (f"3,{GOOD} 1,Training", "line 3: 17 pixel values instead of 16"),
        (f"3,{GOOD[:-1]}x,Training", "line 3: a pixel is not a whole number"),
        (f"3,{GOOD[:-1]}256,Training", "line 3: pixels must lie between 0 and 255"),
        (f"3,{GOOD},Test", "line 3: Usage 'Test'"),
        (f"3,{GOOD}", "line 3: 2 cells instead of 3"),
    ],
)
def test_a_bad_csv_row_is_named_and_nothing_is_written(tmp_path, row, complaint):
    (tmp_path / "fer.csv").write_text(f"emotion,pixels,Usage\n3,{GOOD},Training\n{row}\n")
    with pytest.raises(FerError, match=complaint):
        ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["fer.csv"]


def test_a_csv_with_other_columns_is_refused(tmp_path):
    (tmp_path / "fer.csv").write_text("label,pixels\n1,2\n")
    with pytest.raises(FerError, match="must name emotion, pixels and Usage"):
        ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")


@pytest.mark.parametrize(
    "content, complaint", [(b"", "zero bytes"), (b"not an image", "not a readable image")]
)
def test_a_broken_image_is_named_and_nothing_is_written(tmp_path, content, complaint):
    tree(tmp_path / "in", KAGGLE)
    (tmp_path / "in" / "train" / "happy" / "bad.jpg").write_bytes(content)
    with pytest.raises(FerError, match=rf"train/happy/bad.jpg: .*{complaint}"):
        ingest.prepare(tmp_path / "in", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_an_image_that_breaks_off_is_named(tmp_path):
    tree(tmp_path / "in", KAGGLE)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 48), dtype=np.uint8))
    stream = io.BytesIO()
    noise.save(stream, "JPEG")
    (tmp_path / "in" / "train" / "sad" / "half.jpg").write_bytes(stream.getvalue()[:700])
    with pytest.raises(FerError, match=r"train/sad/half.jpg: not a readable image"):
        ingest.prepare(tmp_path / "in", tmp_path / "out")


def test_a_truncated_zip_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train/happy/Training_1.jpg", jpeg())
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(FerError, match=r"a.zip: not a complete zip"):
        ingest.prepare(tmp_path / "a.zip", tmp_path / "out")


def test_a_store_that_exists_survives_a_failed_attempt(tmp_path):
    good = ingest.prepare(tree(tmp_path / "in", KAGGLE), tmp_path / "out")
    (tmp_path / "in" / "train" / "happy" / "bad.jpg").write_bytes(b"")
    with pytest.raises(FerError):
        ingest.prepare(tmp_path / "in", tmp_path / "out")
    assert ingest.open_store(tmp_path / "out").digest == good.digest


def test_no_images_no_source_no_size(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FerError, match="no images found"):
        ingest.prepare(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(FerError, match="no such file"):
        ingest.prepare(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(FerError, match="size must be at least 1"):
        ingest.prepare(tmp_path / "empty", tmp_path / "out", size=0)


def test_a_class_too_small_to_set_a_test_split_aside(tmp_path):
    tree(tmp_path / "in", ["a/1.png", "a/2.png", "b/1.png"])
    with pytest.raises(FerError, match="5 are needed"):
        ingest.prepare(tmp_path / "in", tmp_path / "out")


def test_the_store_never_replaces_its_source_or_a_folder_of_another_kind(tmp_path):
    source = tree(tmp_path / "data" / "mine", KAGGLE)
    for target in (source, source / "store", tmp_path / "data"):
        with pytest.raises(FerError, match="must lie apart"):
            ingest.prepare(source, target)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("precious")
    with pytest.raises(FerError, match="is no prepared data set"):
        ingest.prepare(source, tmp_path / "letters")
    assert len(list(source.rglob("*.jpg"))) == 4 and (tmp_path / "letters" / "dear.txt").exists()


def test_a_store_of_another_source_is_not_replaced(tmp_path):
    ingest.prepare(tree(tmp_path / "fer2013", KAGGLE), tmp_path / "store")
    ingest.prepare(tmp_path / "fer2013", tmp_path / "store")  # its own is read anew
    before = ingest.open_store(tmp_path / "store")
    others = tree(tmp_path / "photos", [*KAGGLE, "test/sad/PrivateTest_5.jpg"])
    complaint = r"holds other data, prepared from fer2013; choose another name \(--name\), or"
    with pytest.raises(FerError, match=complaint):
        ingest.prepare(others, tmp_path / "store")
    assert ingest.open_store(tmp_path / "store") == before
    tree(tmp_path / "fer2013", ["test/sad/PrivateTest_5.jpg"])
    assert ingest.prepare(tmp_path / "fer2013", tmp_path / "store") != before


def test_the_same_content_may_come_from_a_source_of_another_name(tmp_path):
    fetched = tmp_path / "datasets" / "msambare" / "fer2013" / "versions" / "1"
    first = ingest.prepare(tree(fetched, KAGGLE), tmp_path / "store")
    assert first.source == "Kaggle msambare/fer2013, version 1"
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for name in KAGGLE:
            archive.write(fetched / name, name)
    again = ingest.prepare(tmp_path / "archive.zip", tmp_path / "store")
    assert again.source == "archive.zip" and again == first


def test_a_source_named_by_a_dot_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tree(tmp_path / "mine", KAGGLE))
    assert ingest.prepare(".", tmp_path / "store").source == "mine"


def test_photos_of_one_size_that_are_not_square_become_so(tmp_path):
    for folder in (tmp_path / "in" / "train" / "a", tmp_path / "in" / "test" / "a"):
        folder.mkdir(parents=True)
        Image.new("RGB", (300, 400)).save(folder / "1.png")
    assert ingest.prepare(tmp_path / "in", tmp_path / "out").images.shape == (2, 224, 224, 3)


def test_class_folders_may_have_numbers_for_names(tmp_path):
    tree(tmp_path / "in", ["train/1/a.png", "train/2/b.png", "test/1/c.png", "test/2/d.png"])
    faces = ingest.prepare(tmp_path / "in", tmp_path / "out")
    assert sorted(faces.index["label"]) == ["1", "1", "2", "2"]


def test_a_wrong_first_row_does_not_blame_the_others(tmp_path):
    (tmp_path / "fer.csv").write_text(
        f"\ufeffemotion,pixels,Usage\n3,1 2,Training\n3,{GOOD},Training\n3,{GOOD},Training\n"
    )
    with pytest.raises(FerError, match="line 2: 2 pixel values instead of 16"):
        ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")


def test_a_csv_that_is_not_text(tmp_path):
    (tmp_path / "fer.csv").write_bytes(b"emotion,pixels,Usage\n\xff\xfe\x00\x01\n")
    with pytest.raises(FerError, match=r"fer.csv, line \d: not text in CSV form"):
        ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")


def test_a_zip_of_the_csv_says_what_to_do(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fer2013.csv", "emotion,pixels,Usage\n")
    with pytest.raises(FerError, match=r"no images found.*give the path of fer2013.csv itself"):
        ingest.prepare(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize(
    "rows, complaint",
    [
        ("", "no rows below the header; a download that broke off"),
        ("3,1 2 3,Training\n", "3 pixel values a row are no square image"),
    ],
)
def test_a_csv_without_images_or_of_no_square_ones(tmp_path, rows, complaint):
    (tmp_path / "fer.csv").write_text(f"emotion,pixels,Usage\n{rows}")
    with pytest.raises(FerError, match=complaint):
        ingest.prepare(tmp_path / "fer.csv", tmp_path / "out")


def test_fetching_from_kaggle_and_the_way_by_hand(tmp_path, monkeypatch):
    """kagglehub is not asked for real: it needs the internet."""
    kagglehub = types.SimpleNamespace(dataset_download=lambda name: str(tmp_path / name))
    monkeypatch.setitem(sys.modules, "kagglehub", kagglehub)
    assert ingest.fetch() == tmp_path / "msambare" / "fer2013"
    for error, said in ((OSError("no way out\nand more"), "no way out"), (OSError(), "OSError")):

        def refuse(name, error=error):
            raise error

        kagglehub.dataset_download = refuse
        complaint = rf"^cannot fetch msambare/fer2013 \({said}\); download it by hand from https.*$"
        with pytest.raises(FerError, match=complaint) as refusal:
            ingest.fetch()
        assert "make data FER2013=" in str(refusal.value)
