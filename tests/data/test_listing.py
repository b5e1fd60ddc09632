"""Which folders are classes, and which are not."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from fer_utils.data.listing import list_images
from fer_utils.errors import FerError
from fer_utils.inference import inputs


def tree(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(path)
    return folder


def zipped(folder, *names):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return folder / "a.zip"


def classes(source) -> list[tuple[str, str]]:
    index = list_images(source).index
    return sorted({*zip(index["split"], index["label"], strict=True)})


BOTH = [("Test", "happy"), ("Test", "sad"), ("Training", "happy"), ("Training", "sad")]
JUNK = [
    ".ipynb_checkpoints", "@eaDir", "__MACOSX", ".thumbnails", "$RECYCLE.BIN", "lost+found",
    "System Volume Information", "Thumbs",
]  # fmt: skip


def plain(end="1.png", above=""):
    folders = [f"{split}/{cls}" for split in ("train", "test") for cls in ("happy", "sad")]
    return [f"{above}{folder}/{end}" for folder in folders]


@pytest.mark.parametrize("make", [tree, zipped])
def test_folders_that_no_person_made_are_no_classes(make, tmp_path):
    odd = [f"{above}{junk}/x.png" for junk in JUNK for above in ("", "train/", "test/happy/")]
    deep = [f"train/{junk}/happy/x.png" for junk in JUNK]
    source = make(tmp_path, *plain(), *odd, *deep)
    assert classes(source) == BOTH and len(list_images(source).paths) == 4


@pytest.mark.parametrize("make", [tree, zipped])
@pytest.mark.parametrize("above", ["", "archive/", "test/", "train/archive/"])
@pytest.mark.parametrize("end", ["1.png", "s1/1.png", "s1/test/1.png", "s1/session/1.png"])
def test_the_class_is_the_folder_under_the_split_folder(make, above, end, tmp_path):
    assert classes(make(tmp_path, *plain(end, above))) == BOTH


def test_images_of_a_class_may_lie_at_several_depths(tmp_path):
    names = [*plain(), *plain("subject/2.png")]
    assert classes(tree(tmp_path, *names)) == BOTH


def test_one_split_alone_is_known_by_its_folder(tmp_path):
    assert classes(tree(tmp_path / "a", "test/happy/1.png", "test/sad/1.png")) == BOTH[:2]
    assert classes(tree(tmp_path / "b", "x/train/happy/1.png")) == [("Training", "happy")]


def test_without_a_split_folder_the_class_is_the_folder_below_what_all_share(tmp_path):
    names = ["faces/mine/happy/1.png", "faces/mine/sad/1.png"]
    assert classes(tree(tmp_path, *names)) == [("", "happy"), ("", "sad")]
    assert classes(tree(tmp_path / "one", "happy/1.png", "happy/2.png")) == [("", "happy")]


@pytest.mark.parametrize(
    "names",
    [
        ["happy/1.png", "sad/subject/1.png"],  # differing depths
        ["happy/s1/1.png", "sad/s2/1.png"],  # the class or the subject?
        ["happy/train/1.png", "sad/test/1.png"],  # the other way round
        ["happy/train/s1/1.png", "sad/test/s2/1.png"],
        [*plain(), "extra/happy/1.png"],  # beside the splits
        [*plain(), "test/1.png"],  # of a split and no class
        [*plain(above="archive/"), "archive/cover.png"],
        ["train/1.png", "test/2.png"],
        ["train/images/sad/1.png", "train/images/happy/1.png", "test/images/sad/1.png"],
    ],
)
@pytest.mark.parametrize("make", [tree, zipped])
def test_a_layout_that_leaves_the_class_open_is_refused(make, names, tmp_path):
    expected = r"expected <split>/<class>/<image> .* or <class>/<image>"
    with pytest.raises(FerError, match=expected) as error:
        list_images(make(tmp_path, *names))
    assert "\n" not in str(error.value)


def test_images_outside_of_all_folders_are_named_and_left_out(tmp_path, capsys):
    assert classes(tree(tmp_path, *plain(), "cover.png")) == BOTH
    assert "1 images outside of all folders left out (cover.png …)" in capsys.readouterr().err


def test_links_to_folders_are_followed_and_circles_end(tmp_path):
    tree(tmp_path / "elsewhere", "happy/1.png")
    source = tree(tmp_path / "in", "train/sad/1.png", "test/sad/1.png", "test/happy/1.png")
    (source / "train" / "happy").symlink_to(tmp_path / "elsewhere" / "happy")
    (source / "train" / "happy" / "round").symlink_to(source / "train")
    (source / "test" / "sad" / "up").symlink_to("..")
    assert classes(source) == BOTH
    assert len(inputs.find(source)) == len(list_images(source).paths) == 4
    (source / "train" / "fear").symlink_to(tmp_path / "gone")
    with pytest.raises(FerError, match="train/fear: a link to what is not there"):
        list_images(source)


def test_predict_passes_over_the_same_folders(tmp_path):
    source = tree(tmp_path / ".hidden", "a.png", *(f"{junk}/x.png" for junk in JUNK))
    assert [path for path, _ in inputs.find(source)] == [str(source / "a.png")]
