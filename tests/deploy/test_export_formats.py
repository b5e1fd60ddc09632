"""Files for other programs answer as PyTorch does, say what they are, and need nothing else."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

from fer_utils import load_best, paths
from fer_utils.deploy import export_formats, parity, quantization
from fer_utils.deploy.graph import WholeGraph
from fer_utils.deploy.timing import opened
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.inference import export, inputs

ALIKE = {"onnx": 1e-5, "torchscript": 1e-5, "onnx-int8": 0.2}


def colour(images):
    return np.repeat(np.asarray(images)[..., None], 3, axis=3)


@pytest.mark.parametrize("kind", export_formats.FORMATS)
def test_answers_are_pytorchs(kind, files, network, faces):
    expected = network.probabilities(np.asarray(faces.images))
    given = opened(files[kind])(colour(faces.images))
    assert given.shape == (len(faces.images), 7) and given.dtype == np.float32
    np.testing.assert_allclose(given, expected, atol=ALIKE[kind])
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", export_formats.FORMATS)
def test_any_number_and_size_of_pictures(kind, files, network):
    """In colour and not 48 pixels: grey and resize are within the graph, as PIL has them."""
    classify = opened(files[kind])
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 256, (9, 9, 3), np.uint8)) for _ in range(3)]
    for width, height in ((48, 48), (130, 130), (30, 30), (90, 60)):
        pictures = [image.resize((width, height)) for image in small]
        given = classify(np.stack([np.asarray(picture) for picture in pictures]))
        shapes = [np.asarray(p.convert("L").resize((48, 48), 3)) for p in pictures]
        expected = network.probabilities(np.stack(shapes))
        # PIL rounds between width and height, the graph at the end
        np.testing.assert_allclose(given, expected, atol=max(ALIKE[kind], 0.01))
    assert classify(np.zeros((1, 48, 48, 3), np.uint8)).shape == (1, 7)


def test_load_best_opens_onnx_and_predicts_alike(files, network, faces):
    onnx = load_best(files["onnx"])
    images = np.array(faces.images[:5])
    mine, theirs = onnx.predict(images), network.predict(images)
    names = list(network.classes)
    np.testing.assert_allclose(mine[names], theirs[names], atol=1e-5)
    assert mine.drop(columns=names).equals(theirs.drop(columns=names))
    raw = [predictor.predict(images, raw=True)[names] for predictor in (onnx, network)]
    np.testing.assert_allclose(*raw, atol=1e-5)
    assert onnx.about["crop_margin"] == 1.1 and onnx.about["classes"] == names
    assert {"input", "output", "crop", "license", "not_for", "val", "test"} < set(onnx.about)


def test_torchscript_says_the_same(files, network):
    extra = {export_formats.ABOUT: ""}
    torch.jit.load(files["torchscript"], _extra_files=extra)
    about = json.loads(extra[export_formats.ABOUT])
    assert about["classes"] == list(network.classes) and about["format"] == "torchscript"


def test_8_bits_are_smaller_and_have_a_temperature_of_their_own(files, network, faces):
    sizes = {kind: path.stat().st_size for kind, path in files.items()}
    assert sizes["onnx-int8"] < 0.3 * sizes["onnx"]
    small = load_best(files["onnx-int8"])
    assert small.temperature != network.temperature
    # what the file says is what its graph divides by: undone, these are the logits it was fitted on
    run = paths.RESULTS / "drawn" / "runs" / network.about["run"]
    predictions = export.run_files.read_predictions(run)
    for part in ("val", "test"):
        predictions[f"{part}_logits"] = small.logits(faces.images[predictions[f"{part}_rows"]])
    again = export.answers_to_trust(predictions)
    assert again["temperature"] == pytest.approx(small.temperature, abs=2e-3)
    right = predictions["test_logits"].argmax(1) == predictions["test_labels"]
    assert small.about["test"] == pytest.approx(right.mean(), abs=1e-4)


def test_one_view_is_the_network_alone(files, network, faces, home):
    path = export_formats.export(network, "onnx", home / "one.onnx", tta="none")
    single = load_best(path)
    images = np.asarray(faces.images[:8])
    alone = replace(network, about=network.about | {"tta": "none"})
    expected = probabilities(alone.logits(images) / single.temperature)
    np.testing.assert_allclose(single.probabilities(images), expected, atol=1e-5)
    assert np.abs(single.probabilities(images) - network.probabilities(images)).max() > 1e-4
    assert single.about["tta"] == "none" and files["onnx"] != path


def test_nothing_of_this_machine_is_in_the_files(files):
    for kind, path in files.items():
        content = path.read_bytes()
        here = [str(paths.CHECKOUT).encode(), str(path.parent).encode(), b"site-packages"]
        assert not any(place in content for place in here) or kind == "torchscript", kind


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"kind": "tflite"}, "unknown format 'tflite'"),
        ({"tta": "flip_shift"}, "'flip_shift' cannot be exported; choose none or flip"),
    ],
)
def test_what_is_refused(change, complaint, network, tmp_path):
    given = {"kind": "torchscript", "path": tmp_path} | change
    with pytest.raises(FerError, match=complaint):
        export_formats.export(network, **given)
    assert not list(tmp_path.iterdir())


def test_another_data_set_and_a_missing_run_are_refused(files, network, faces):
    other = replace(network, about=network.about | {"digest": "another"})
    with pytest.raises(FerError, match=r"trained on .*, which is not the present data/drawn"):
        export_formats.measured(other, other.about, faces)
    lost = network.about | {"run": "nowhere"}
    with pytest.raises(FerError, match="nowhere: not here; it says which images"):
        export_formats.measured(network, lost, faces)


def test_without_the_extra_one_line_says_what_to_install(network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(FerError, match=r"export needs the package onnx.*: pip install"):
        export_formats.onnx_model(WholeGraph(network).eval())
    monkeypatch.setitem(sys.modules, "onnxruntime.quantization", None)
    with pytest.raises(FerError, match=r"export to 8 bits needs the package onnxruntime\.q"):
        quantization.quantize(None, np.zeros((1, 48, 48, 3), np.uint8))


def test_the_comparison_counts_what_differs(files, network, faces):
    frame = parity.compare(network, files, faces).set_index(["split", "format"])
    assert len(frame) == 2 * (1 + len(export_formats.FORMATS))
    assert (frame.xs("pytorch", level="format")["largest"] == 0).all()
    exact = frame.drop(index="onnx-int8", level="format")
    assert exact["largest"].max() < 1e-5 and (exact["same_answers"] == 1).all()
    small = frame.xs("onnx-int8", level="format")
    assert (small["largest"] > 1e-4).all()
    assert (small["changed"] == ((1 - small["same_answers"]) * small["images"]).round()).all()


def test_time_and_memory_are_measured(files):
    command = [sys.executable, "-m", "fer_utils.deploy.timing", str(files["onnx-int8"]), "1", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    assert 0 < measured["p50_ms"] <= measured["p99_ms"] and measured["images_per_second"] > 0
    assert 10 < measured["peak_mb"] < 2000


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # as if it were not installed
from fer_utils import load_best
import numpy as np
network = load_best({path!r})
print(network.predict(np.load({images!r})).to_csv(index=False))
"""


def test_without_pytorch(files, network, faces, tmp_path):
    images = np.array(faces.images[:3])
    np.save(tmp_path / "images.npy", images)
    program = WITHOUT_TORCH.format(path=str(files["onnx"]), images=str(tmp_path / "images.npy"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    labels = [line.split(",")[8] for line in done.stdout.splitlines()[1:4]]
    assert labels == network.predict(images)["label"].tolist()
    program = program.replace(str(files["onnx"]), str(files["onnx"].with_name("model.safetensors")))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "needs PyTorch, which is not installed; give an .onnx file" in done.stderr


def test_the_documents_example_runs_with_numpy_and_onnx_runtime_alone(files, tmp_path, faces):
    """The code of docs/deploy.md, word for word, in a folder with a file and a picture."""
    text = (paths.CHECKOUT / "docs" / "deploy.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(# face\.py.*?)```", text, re.DOTALL)
    assert len(code.splitlines()) <= 20
    (tmp_path / "model-int8.onnx").write_bytes(files["onnx-int8"].read_bytes())
    np.save(tmp_path / "faces.npy", colour(faces.images[:2]))
    unwanted = ("torch", "pandas", "scipy", "PIL", "fer_utils", "onnx")
    blocked = f"import sys; sys.modules.update(dict.fromkeys({unwanted!r}))\n"
    command = [sys.executable, "-c", blocked + code]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    expected = load_best(files["onnx-int8"]).predict(np.array(faces.images[:2]))["label"].tolist()
    assert [line.split()[0] for line in done.stdout.splitlines()] == expected


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs the extra deploy")
def test_the_committed_file_of_8_bits_is_of_the_committed_network():
    best = paths.REFERENCE / "fer2013" / "best"
    small, large = load_best(best / "model-int8.onnx"), load_best(best / "model.safetensors")
    assert small.about["run"] == large.about["run"] and small.classes == large.classes
    [(_, load)] = inputs.find(paths.CHECKOUT / "tests" / "inference" / "astronaut.jpg")
    face = load().convert("L").crop((168, 65, 280, 177)).resize((48, 48), 3)
    answers = [network.predict(face)[list(small.classes)].to_numpy() for network in (small, large)]
    np.testing.assert_allclose(*answers, atol=0.1)


@pytest.mark.real
@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs the extra deploy")
def test_8_bits_on_real_faces(fer2013):
    best = paths.REFERENCE / "fer2013" / "best"
    rows = fer2013.rows(load_best(best / "model.safetensors").classes, ("PrivateTest",))[::4]
    images = np.asarray(fer2013.images[rows])
    small, large = (
        load_best(best / name).probabilities(images)
        for name in ("model-int8.onnx", "model.safetensors")
    )
    assert (small.argmax(1) == large.argmax(1)).mean() > 0.96
    assert np.abs(small - large).mean() < 0.02
