"""Files of weights: each public form is read, and its tensors are fitted to the network."""

import json
import math
import pickle
import re
from collections.abc import Mapping
from itertools import accumulate, starmap
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fer_utils.errors import FerError
from fer_utils.models.cntk import read_cntk
from fer_utils.models.faceres import fold

# a broken file raises any of these
BROKEN = (
    *(RuntimeError, ValueError, TypeError, EOFError, LookupError, AttributeError),
    pickle.UnpicklingError,
)
# of batch normalisation: without use here, and absent from older files
COUNTER = "num_batches_tracked"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, in its order and in PyTorch's layout (OIHW, output × input).

    .h5: Keras; .bin: TensorFlow.js, its manifest beside it; .onnx or .nupkg: CNTK's ResNet18;
    .safetensors; anything else: a PyTorch state_dict, which `weights_only=True` keeps from running
    code. Raises FerError for a file that is none of these, or damaged.
    """
    readers = {
        ".h5": _read_keras,
        ".hdf5": _read_keras,
        ".bin": _read_tensorflow_js,
        ".onnx": read_cntk,
        ".nupkg": read_cntk,
        ".safetensors": _read_safetensors,
    }
    return readers.get(path.suffix.lower(), _read_torch)(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    # here, since a machine that trains from random weights may do without it
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise FerError(f"{path}: cannot be read as safetensors: {error}") from None


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        # training scripts store it beside epoch and optimiser
        content = content.get("state_dict", content)
        tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    except BROKEN as error:
        why = "it is damaged, or no PyTorch file"
        if "global" in str(error).lower():  # how the unpickler names what it refuses to import
            why = "it holds more than tensors and could run code"
        raise FerError(f"{path}: refused, {why}") from None
    if not tensors:
        raise FerError(f"{path}: holds no tensors by name; a state_dict is wanted")
    return tensors


def _read_keras(path: Path) -> dict[str, Tensor]:
    try:
        import h5py
    except ImportError:
        raise FerError(
            f"{path}: reading Keras files needs h5py; install it with: pip install h5py"
        ) from None
    try:
        with h5py.File(path) as file:
            # a whole model keeps its weights in a group of this name, a file of weights has none
            root = file.get("model_weights", file)
            layers = [
                name.decode() if isinstance(name, bytes) else name
                # the attribute has the order of the network, a group of HDF5 that of the alphabet
                for name in root.attrs.get("layer_names", root)
            ]
            arrays = {layer: _arrays_of(root[layer]) for layer in layers}
    except (OSError, *BROKEN) as error:
        raise FerError(f"{path}: cannot be read as Keras weights: {error}") from None
    tensors = {}
    for layer, of_layer in arrays.items():
        for array in sorted(of_layer, key=np.ndim, reverse=True):  # the kernel, then the bias
            # by shape: how Keras names its arrays has changed between versions
            kind = "weight" if array.ndim > 1 else "bias"
            tensors[f"{layer}.{kind}"] = torch.from_numpy(_from_keras(array))
    for name, tensor in tensors.items():
        # the first layer: keras-vggface, where such files come from, feeds BGR
        if tensor.ndim == 4 and tensor.shape[1] == 3:
            tensors[name] = tensor.flip(1)
    return tensors


def _arrays_of(group) -> list[np.ndarray]:
    arrays = []
    group.visititems(lambda _, item: arrays.append(item[()]) if hasattr(item, "shape") else None)
    return arrays


def _from_keras(array: np.ndarray) -> np.ndarray:
    """HWIO → OIHW. The dense layer behind VGG's last pooling reads H×W×C, PyTorch's reads C×H×W."""
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif array.ndim == 2 and len(array) == 7 * 7 * 512:
        array = array.reshape(7, 7, 512, -1).transpose(3, 2, 0, 1).reshape(array.shape[1], -1)
    elif array.ndim == 2:
        array = array.T
    return np.ascontiguousarray(array)


def _read_tensorflow_js(path: Path) -> dict[str, Tensor]:
    """face-api's list of weights, or a graph with its weights, of which only `faceres` is known."""
    try:
        manifest = json.loads(manifest_of(path).read_text(encoding="utf-8"))
        if isinstance(manifest, dict):
            return fold(_arrays_in(path, manifest["weightsManifest"][0]["weights"]))
        return dict(starmap(_from_face_api, _arrays_in(path, manifest[0]["weights"]).items()))
    except BROKEN as error:
        raise FerError(f"{path}: cannot be read as TensorFlow.js weights: {error}") from None


def _arrays_in(path: Path, entries: list[dict]) -> dict[str, np.ndarray]:
    """By name, one after another in the manifest's order.

    Each is stored as its dtype, as float16, or as uint8 with a scale and a minimum.
    """
    content = path.read_bytes()
    scalings = [entry.get("quantization", {}) for entry in entries]
    dtypes = [
        np.dtype(scaling.get("dtype", entry["dtype"])).newbyteorder("<")
        for entry, scaling in zip(entries, scalings, strict=True)
    ]
    sizes = [
        math.prod(entry["shape"]) * dtype.itemsize
        for entry, dtype in zip(entries, dtypes, strict=True)
    ]
    # else a file that broke off would be cut into tensors at the wrong places
    if sum(sizes) != len(content):
        raise ValueError(
            f"its manifest describes {sum(sizes):,} bytes, the file has {len(content):,}"
        )
    arrays = {}
    ends = accumulate(sizes)
    for entry, scaling, dtype, end, size in zip(
        entries, scalings, dtypes, ends, sizes, strict=True
    ):
        array = np.frombuffer(content[end - size : end], dtype).astype(np.float32)
        if "scale" in scaling:
            array = array * np.float32(scaling["scale"]) + np.float32(scaling["min"])
        arrays[entry["name"]] = array.reshape(entry["shape"])
    return arrays


def _from_face_api(name: str, array: np.ndarray) -> tuple[str, Tensor]:
    *layer, kind = name.split("/")
    kind = {"bias": "bias", "biases": "bias"}.get(kind, "weight") if layer else f"{kind}.weight"
    return ".".join([*layer, kind]), torch.from_numpy(_from_keras(array))


def manifest_of(path: Path) -> Path:
    """Where TensorFlow.js keeps the names and shapes of a file of weights, or its whole graph."""
    graph = path.with_suffix(".json")
    return graph if graph.exists() else path.with_name(f"{path.stem}-weights_manifest.json")


def fit(
    tensors: Mapping[str, Tensor],
    network: Mapping[str, Tensor],
    unused: tuple[str, ...],
    path: Path,
) -> dict[str, Tensor]:
    """Tensors as float32 under the names of a network, none missing, misshapen or left over.

    Names that are spelt otherwise (a prefix, conv_1_1) are understood. Older releases name the
    layers quite differently but list them in the same order: then order, kind and shape decide.

    Parameters
    ----------
    tensors : of the file, in its order.
    network : a state_dict.
    unused : layers that the file may hold or not.
    path : for the error.

    Raises
    ------
    FerError
        Names the file and the first tensors that do not fit.
    """
    given = {_plain(name): tensor for name, tensor in tensors.items() if not name.endswith(COUNTER)}
    wanted = {name: tensor.shape for name, tensor in network.items() if not name.endswith(COUNTER)}
    free = {name for name in {*wanted, *given} if name.rpartition(".")[0] in unused}
    # fewer than half of the names are known: another release, not a file with some tensors missing
    if 2 * len(given.keys() & wanted.keys()) < len(wanted):
        given = _renamed_in_order(given, wanted, free, path)
    missing = [name for name in wanted if name not in given and name not in free]
    left_over = [name for name in given if name not in wanted and name not in free]
    for names, complaint in ((missing, "lacks"), (left_over, "has, beyond what the network has,")):
        if names:
            raise FerError(f"{path}: {complaint} {_some(names)}")
    fitted = {name: _shaped(given[name], shape) for name, shape in wanted.items() if name in given}
    wrong = [
        f"{name} {tuple(tensor.shape)} instead of {tuple(wanted[name])}"
        for name, tensor in fitted.items()
        if tensor.shape != wanted[name]
    ]
    if wrong:
        raise FerError(f"{path}: wrong shapes: {_some(wrong)}")
    # not from the file, which may lack them; but on the meta device they would have no values
    counters = {name: torch.tensor(0) for name in network if name.endswith(COUNTER)}
    return {name: tensor.float() for name, tensor in fitted.items()} | counters


def _plain(name: str) -> str:
    # what nn.DataParallel and wrapping classes put before every name
    name = re.sub(r"^((module|model)\.)+", "", name)
    return re.sub(r"^conv_(\d)_(\d)\.", r"conv\1_\2.", name)


def _shaped(tensor: Tensor, shape: torch.Size) -> Tensor:
    """A dense layer stored as the convolution that equals it (fc6 as 4096×512×7×7) is flattened."""
    return tensor.flatten(1) if tensor.ndim == 4 and len(shape) == 2 else tensor


def _renamed_in_order(
    given: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], free: set[str], path: Path
) -> dict[str, Tensor]:
    """The tensors under the wanted names, by order; with the layers that are `free`, or without."""
    names = list(wanted)
    if len(given) != len(names):
        names = [name for name in wanted if name not in free]
    if len(given) != len(names):
        raise FerError(
            f"{path}: holds {len(given)} tensors under unknown names; the network has {len(names)}"
        )
    for (name, tensor), wanted_name in zip(given.items(), names, strict=True):
        shape = wanted[wanted_name]
        same_kind = name.rpartition(".")[2] == wanted_name.rpartition(".")[2]
        if not same_kind or _shaped(tensor, shape).shape != shape:
            shapes = f"{tuple(tensor.shape)} where {wanted_name} {tuple(shape)} belongs"
            raise FerError(f"{path}: does not fit in order: {name} {shapes}")
    return dict(zip(names, given.values(), strict=True))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
