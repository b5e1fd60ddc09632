"""Commands that use the exported network: on photographs, and as a file for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from fer_utils.errors import FerError, one_of

Model = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="an exported network; left out: the committed one"),
]
FACES = ("find", "cropped")
# the law and what the answers are not, in two sentences
LAW = """The EU AI Act (Art. 5(1)(f), in force since 2025-02-02) forbids systems that infer
    emotions at work and in education, except for medical or safety reasons. Faces are not feelings:
    an answer is the word that annotators would choose for a picture (Barrett and others 2019)."""


def predict(
    images: Annotated[list[Path], typer.Argument(help="photographs and folders of photographs")],
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="where to write the table; left out: it is printed"),
    ] = None,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="where to write the pictures with boxes and bars"),
    ] = None,
    faces: Annotated[
        str,
        typer.Option(
            help="find: all faces of a picture (of 64 pixels and less it is taken for a face); "
            "cropped: each picture is one face that fills it"
        ),
    ] = "find",
    raw: Annotated[
        bool, typer.Option("--raw", help="probabilities before calibration by temperature")
    ] = False,
    model: Model = None,
) -> None:
    # help comes from here: a docstring cannot be put together
    from fer_utils import io
    from fer_utils.inference import photographs, predictor

    one_of(faces, FACES, "way with faces")
    if draw and faces == "cropped":
        raise FerError("--draw shows faces that were found; leave out --faces cropped")
    network = predictor.load_best(model)
    if faces == "cropped":
        frame = network.predict(list(images), raw)
        remarks = frame["error"]
    else:
        drawings = None
        if draw:
            from fer_utils.inference.drawing import Drawings

            drawings = Drawings(draw, network.classes)
        frame = photographs.predict(network, list(images), raw, use=drawings)
        remarks = frame["note"].where(frame["face"] == 0, "")
    if csv is None:
        # for a reader; the file has more digits, to compute with
        print(frame.round(3).to_string(index=False, na_rep=""))
        return
    # A file that cannot be read is a row with its error, so that the others are not lost.
    with io.atomic_file(csv) as part:
        frame.to_csv(part, index=False, float_format="%.6f")
    if faces == "cropped":
        print(f"{csv}: {(remarks == '').sum():,} of {len(frame):,} images")
    else:
        found, pictures = (frame["face"] > 0).sum(), frame["source"].nunique()
        print(f"{csv}: faces found: {found:,}, in {pictures:,} images")


predict.__doc__ = f"""Print the probability of each expression, one row per face.

    Probabilities are calibrated; "sure" marks answers of which nine in ten were right on validation
    images. What accuracy to expect of your photographs: docs/photographs.md.

    {LAW}

    Examples:

    - predict group.jpg --draw out/

    - predict photos/ --csv faces.csv
    """


def export(
    target: Annotated[
        Path, typer.Argument(help="the file to write, or a folder that is there: model.onnx, …")
    ],
    kind: Annotated[
        str, typer.Option("--format", help="onnx, onnx-int8 (needs the data set) or torchscript")
    ] = "onnx",
    views: Annotated[
        str,
        typer.Option(
            help="flip: the mean over an image and its mirror image; none: the image alone, in "
            "half the time (needs the data set); left out: as the network was tested"
        ),
    ] = "",
    model: Model = None,
) -> None:
    # help comes from here: a docstring cannot be put together
    from fer_utils.deploy import export_formats
    from fer_utils.inference import predictor
    from fer_utils.inference.torch_predictor import TorchPredictor

    network = predictor.load_best(model)
    if not isinstance(network, TorchPredictor):
        raise FerError(f"{model}: only a .safetensors file can be exported")
    path = export_formats.export(network, kind, target, views or None)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


export.__doc__ = f"""Write the network for programs without this package.

    One graph takes cropped faces (uint8, RGB, any size) and gives calibrated probabilities; its
    metadata say how the faces are to be cropped. How to use it: docs/deploy.md.

    {LAW}

    Examples:

    - export . --format onnx

    - export face.onnx --format onnx-int8 --views none
    """
