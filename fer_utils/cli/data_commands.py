"""Commands about what a study starts from: its images and its pretrained weights."""

import re
from pathlib import Path
from typing import Annotated

import typer

from fer_utils import paths
from fer_utils.cli.options import Dataset, Results
from fer_utils.errors import FerError

RESERVED = ("ferplus", "reported", "sample", "weights")  # folders of data/ that hold something else


def prepare(
    source: Annotated[
        Path | None, typer.Argument(help="zip, folder or CSV; none: fetch FER2013 from Kaggle")
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="NAME", help="the data set's: letters, digits, - and _")
    ] = "fer2013",
    size: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", help="side of the stored images; left out: as they are"),
    ] = None,
    grey: Annotated[
        bool | None,
        typer.Option("--grey/--colour", help="what is stored; left out: as the images are"),
    ] = None,
    votes: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="FER+'s fer2013new.csv: people's votes, kept beside"),
    ] = None,
) -> None:
    """Read a data set once into data/NAME.

    Examples:

    - prepare archive.zip

    - prepare photos/ --name mine

    - prepare archive.zip --votes fer2013new.csv
    """
    from fer_utils.data import ferplus, ingest

    # it becomes a folder of data/: no slash and no dots, which would lead out of it
    if not re.fullmatch(r"[\w-]+", name) or name in RESERVED:
        raise FerError(
            f"{name!r} cannot name a data set; use letters, digits, - and _, "
            f"but not {', '.join(RESERVED[:-1])} or {RESERVED[-1]}"
        )
    faces = ingest.prepare(source or ingest.fetch(), paths.DATA / name, size, grey)
    shape = " × ".join(map(str, faces.images.shape[1:]))
    print(f"{paths.DATA / name}: {len(faces):,} images of {shape}")
    print(faces.counts().to_string())
    # last: a file of votes that is refused does not cost the data set, which is whole by now
    if votes:
        print(f"FER+ has votes on {ferplus.add(faces, votes):,} of them")


def audit(
    dataset: Dataset = "sample",
    similarity: Annotated[
        float, typer.Option(help="correlation, 0 to 1, above which two images are near-copies")
    ] = 0.95,
    results: Results = "",
) -> None:
    """List copies, leaks, conflicting labels and blank images in results/DATASET/audit/*.csv."""
    from fer_utils.data import audit as audits
    from fer_utils.data.synthetic import open_dataset

    folder = paths.results_set(results) / dataset / "audit"
    print(audits.write(open_dataset(dataset), folder, similarity).to_string())
    print(folder)


def weights(
    fetch: Annotated[
        str, typer.Option(metavar="MODEL", help="whose weights to download; all: every model's")
    ] = "",
    file: Annotated[
        str,
        typer.Option(metavar="MODEL=PATH", help="a file of weights of your own to check and keep"),
    ] = "",
) -> None:
    """List the pretrained weights: where from, size, present or missing, licence, what to do.

    Examples:

    - weights --fetch all

    - weights --file vggface=vgg_face_dag.pth
    """
    from fer_utils.models.pretrained import store

    # before any download: a file of the user's own makes that of its model needless
    if file:
        model, equals, path = file.partition("=")
        if not equals:
            raise FerError(f"{file!r} is not of the form MODEL=PATH")
        store.add(model, Path(path))
    refusals = store.fetch(fetch) if fetch else []
    print(store.table().to_string(index=False))
    # After the table: it says which models have come in spite of a refusal.
    if refusals:
        raise FerError(" · ".join(refusals))
