"""The notebook contract: order of cells, clean metadata, strict parameters, no output from a failed run."""

import nbformat
import papermill
import pytest

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.reporting import notebooks

ALL = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
SAMPLE = notebooks.load_profile("sample")


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_contract(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tags = [cell.metadata.get("tags", []) for cell in code]
    assert notebook.cells[0].source.startswith("# ") and "**Question.**" in notebook.cells[0].source
    assert tags[1] == ["parameters"], "imports, then the parameters"
    assert any("nbval-check-output" in cell_tags for cell_tags in tags), "a cell with facts to check"
    assert notebook.cells[-1].source.startswith("**What we saw.**")
    assert "papermill" not in notebook.metadata and all("papermill" not in cell.metadata for cell in notebook.cells)
    assert all(cell.outputs for cell, t in zip(code, tags, strict=True) if "nbval-check-output" in t), (
        "committed outputs"
    )
    assert sum(len(cell.source.splitlines()) > 20 for cell in code) == 0
    for cell in code:
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert not any(output.get("name") == "stderr" for output in cell.outputs), "warnings name this machine"


def test_the_sample_profile_is_the_notebooks_own_values():
    names = ("01_preprocessing", "02_cnn", "03_transfer_learning", "06_three_emotions")
    compute = [papermill.inspect_notebook(paths.NOTEBOOKS / f"{name}.ipynb") for name in names]
    for name, value in SAMPLE.items():
        declared = [parameters[name]["default"] for parameters in compute if name in parameters]
        assert declared and all(eval(default) == value for default in declared), name


def test_a_parameter_that_no_notebook_declares_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "typo.yaml").write_text("datset: sample\n")
    for path in ALL:
        (tmp_path / path.name).write_text(path.read_text())
    monkeypatch.setattr(notebooks.paths, "NOTEBOOKS", tmp_path)
    with pytest.raises(FerError, match=r"'datset' \(did you mean 'dataset'\?\)"):
        notebooks.load_profile("typo")
    with pytest.raises(FerError, match="unknown profile 'fer'"):
        notebooks.load_profile("fer")


def test_a_notebook_that_fails_leaves_no_output(tmp_path, monkeypatch):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    broken = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    broken.cells = [nbformat.v4.new_code_cell("dataset = 'x'", metadata={"tags": ["parameters"]})]
    broken.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(broken, tmp_path / "broken.ipynb")
    monkeypatch.setattr(notebooks.paths, "RESULTS", tmp_path / "results")
    with pytest.raises(papermill.PapermillExecutionError, match="division by zero"):
        notebooks.execute(tmp_path / "broken.ipynb", "sample")
    assert not [p for p in (tmp_path / "results").rglob("*") if p.is_file()]
