"""The package's style is its own figures' alone."""

import subprocess
import sys

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from fer_utils import paths
from fer_utils.reporting import figures

IMPORT_ALL = """
import importlib, pkgutil, matplotlib
before = dict(matplotlib.rcParams)
import fer_utils
for module in pkgutil.walk_packages(fer_utils.__path__, "fer_utils."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:  # an extra that is not installed here
            if error.name.startswith("fer_utils"):
                raise
changed = {k for k in before if before[k] != matplotlib.rcParams[k]} - {"backend"}
assert not changed, changed
"""


COUNTS = pd.DataFrame({"Training": [5, 3], "Test": [2, 1]}, index=["happy", "sad"])


def test_importing_the_package_leaves_the_users_settings():
    command = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("fails", [False, True])
def test_drawing_leaves_the_users_settings(fails):
    before = dict(plt.rcParams)
    if fails:
        with pytest.raises(AttributeError):
            figures.class_counts(None)
    else:
        plt.close(figures.class_counts(COUNTS))
    assert dict(plt.rcParams) == before


def test_a_figure_looks_the_same_whatever_the_users_settings(tmp_path):
    def saved(name: str) -> bytes:
        figure = figures.class_counts(COUNTS)
        path = figures.save(figure, name, tmp_path)
        plt.close(figure)
        return path.read_bytes()

    plain = saved("a")
    with plt.rc_context({"axes.facecolor": "black", "font.size": 30, "ytick.major.size": 20}):
        assert saved("a") == plain
        figure = figures.class_counts(COUNTS)
        figure.canvas.draw()  # as a notebook shows it: outside of the package
        ticks = figure.axes[0].yaxis.get_major_ticks()
        assert 20 not in {tick.tick1line.get_markersize() for tick in ticks}
        plt.close(figure)


def test_a_notebook_shows_the_figures():
    """Its backend is loaded with the first figure, and is interactive from then on."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    draw = "figures.class_counts(pd.DataFrame({'Test': [1, 2]}, index=['happy', 'sad']));"
    cells = ("import pandas as pd\nfrom fer_utils.reporting import figures", draw, draw)
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    NotebookClient(notebook, resources={"metadata": {"path": paths.CHECKOUT}}).execute()
    for cell in notebook.cells[1:]:
        assert [list(output.data) for output in cell.outputs] == [["text/plain", "image/png"]]


def test_a_dollar_in_a_name_is_no_mathematics():
    counts = pd.DataFrame({"Test": [1, 2]}, index=["a$b$", "$x^$"])
    figure = figures.class_counts(counts)
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a$b$", "$x^$"]
    plt.close(figure)
