"""The notebook contract: order of cells, strict parameters, no output from a failed run."""

import re
from itertools import pairwise
from statistics import median

import nbformat
import papermill
import pytest

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.experiments import recipes
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
    assert any("nbval-check-output" in cell_tags for cell_tags in tags), (
        "a cell with facts to check"
    )
    assert notebook.cells[-1].source.startswith("**What we saw.**")
    assert "papermill" not in notebook.metadata and all(
        "papermill" not in cell.metadata for cell in notebook.cells
    )
    assert all(
        cell.outputs for cell, t in zip(code, tags, strict=True) if "nbval-check-output" in t
    ), "committed outputs"
    assert sum(len(cell.source.splitlines()) > 20 for cell in code) == 0
    for cell in code:
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert not any(output.get("name") == "stderr" for output in cell.outputs), (
            "warnings name this machine"
        )


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_a_notebook_teaches(path):
    """Pictures have alternative texts, cells are short, exercises have solutions, links lead on."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert median(len(cell.source.splitlines()) for cell in code) <= 6
    # a blank line behind it, or GitHub does not render the Markdown inside
    assert prose.count("<details><summary>Solution</summary>\n\n") == 3
    assert prose.count("<details>") == prose.count("\n</details>")
    outputs = [output for cell in code for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    tables = [output for output in outputs if "text/html" in output.get("data", {})]
    assert len(pictures) > len(tables), "more pictures than tables"
    assert not any("NaN" in output.data["text/html"] for output in tables)
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 20
    for cell in code:
        assert not re.search(r"^\s*if .* in ", cell.source, re.MULTILINE), "a guard"
    last = notebook.cells[-1].source
    assert "**Source:**" in last and "report.pdf)" in prose
    links = re.findall(r"\]\(([^)#]+)", prose)
    assert len(links) > 4
    for link in links:
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_each_notebook_leads_to_the_next():
    for path, following in pairwise(ALL):
        last = nbformat.read(path, as_version=4).cells[-1].source
        assert f"({following.name})" in last, path.stem


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


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("seeds: 3", r"profile 'odd': seeds must be like the notebook's own \[0, 1\]; got 3"),
        ("seeds: [0, one]", r"seeds must be like the notebook's own \[0, 1\]; got 'one'"),
        ("similarity: high", r"similarity must be like the notebook's own 0.99; got 'high'"),
        ("dataset: 2013", r"dataset must be like the notebook's own 'sample'; got 2013"),
        ("settings: {epohcs: 8}", r"settings: unknown setting 'epohcs' \(did you mean 'epochs'"),
        ("settings: {epochs: many}", r"settings: epochs must be a valid integer; got 'many'"),
        ("settings: {epochs: true}", r"settings: epochs must be a valid integer; got True"),
        ("grid_settings: {cap: 1.5}", r"grid_settings: cap must be a valid integer; got 1.5"),
        ("grid_settings: {seeds: 0}", r"grid_settings: seeds must be a list like \[0, 1\]; got 0"),
        ("settings: null", r"settings must be like the notebook's own"),
        ("settings: {epochs: 8", r"odd.yaml: while parsing a flow mapping"),
        ("sample", r"odd.yaml: a profile has lines like 'dataset: sample'"),
    ],
)
def test_a_profile_with_a_value_of_the_wrong_type_is_one_line(
    tmp_path, monkeypatch, line, complaint
):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "odd.yaml").write_text(f"{line}\n")
    for path in ALL:
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.setattr(notebooks.paths, "NOTEBOOKS", tmp_path)
    with pytest.raises(FerError, match=complaint) as raised:
        notebooks.load_profile("odd")
    assert "\n" not in str(raised.value)


def test_profiles_may_give_whole_numbers_and_null_where_a_notebook_says_so():
    fer2013 = notebooks.load_profile("fer2013")
    assert fer2013["transfer_settings"] is None and fer2013["settings"] == {}
    notebooks.Parameter(0.5, "").check("similarity", 1)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["02_cnn", "sample", "epohcs=3"], "unknown parameter 'epohcs'"),
        (["02_cnn", "sample", "sedes=[0]"], "unknown parameter 'sedes' (did you mean 'seeds'?)"),
        (["02_cnn", "sample", "seeds=0"], "seeds must be like the notebook's own [0, 1]; got 0"),
        (["02_cnn", "sample", "settings={epohcs: 3}"], "settings: unknown setting 'epohcs' (did"),
        (["02_cnn", "sample", "seeds=[0"], "seeds must be like [0, 1]; got '[0'"),
        (["02_cnn", "sample", "seeds"], "'seeds' is not of the form name=value; names: best_stud"),
        (["02_cmn", "sample"], "unknown notebook '02_cmn' (did you mean '02_cnn'?)"),
        (["02_cnn"], "usage: python -m fer_utils.reporting.notebooks NAME PROFILE [name=value"),
    ],
)  # fmt: skip
def test_what_no_notebook_takes_is_refused_before_anything_runs(monkeypatch, arguments, complaint):
    monkeypatch.setattr(papermill, "execute_notebook", lambda *_, **__: pytest.fail("it runs"))
    with pytest.raises(SystemExit) as ended:
        notebooks.main(arguments)
    said = str(ended.value.code)
    assert said.startswith("fer_utils: ") and complaint in said and "\n" not in said


def test_values_on_the_command_line_have_the_notebooks_types(tmp_path, monkeypatch, capsys):
    given = {}

    def keep(source, output, parameters, **_):
        given.update(parameters)
        output.write_text("{}")

    monkeypatch.setattr(papermill, "execute_notebook", keep)
    monkeypatch.setattr(notebooks.paths, "RESULTS", tmp_path)
    notebooks.main(["02_cnn", "sample", "seeds=[3]", "dataset=2013", "settings={epochs: 2}"])
    assert given == {"dataset": "2013", "seeds": [3], "settings": {"epochs": 2}}
    notebooks.main(["04_focal_vs_cross_entropy", "sample", "device=cpu"])
    assert (
        "04_focal_vs_cross_entropy has no parameter device; it is left out"
        in capsys.readouterr().err
    )


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


def test_the_full_profile_names_studies_that_exist_each_once():
    full = notebooks.load_profile("full")
    named = [name for key, names in full.items() if key.endswith("_studies") for name in names]
    assert len(named) == len({*named}) and {*named} <= recipes.STUDIES.keys()
    # what no list names the notebooks compute by themselves, but for a part of `transfer`
    own = {"report_a", "transfer", "report_b", "grid"}
    assert recipes.STUDIES.keys() - {*named} == own | {"small_networks"}
    for name in ("transfer", "report_b", "grid"):
        assert recipes.make_study(name, full["dataset"], **full[f"{name}_settings"])
