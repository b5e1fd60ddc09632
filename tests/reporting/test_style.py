"""The package's style is its own figures' alone; a legend counts the seeds of its own panel."""

import subprocess
import sys

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from fer_utils import paths
from fer_utils.reporting import figures, plots

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


def scores(seeds: dict[str, int]) -> pd.DataFrame:
    rows = [
        {"task": task, "loss": loss, "seed": seed, "metric": "accuracy", "value": 0.5 + seed / 100}
        for task, n in seeds.items()
        for seed in range(n)
        for loss in ("cross_entropy", "focal")
    ]
    return pd.DataFrame(rows)


NOTHING = pd.DataFrame({"task": [], "loss": [], "value": []})


def test_importing_the_package_leaves_the_users_settings():
    command = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("fails", [False, True])
def test_drawing_leaves_the_users_settings(fails):
    before = dict(plt.rcParams)
    if fails:
        with pytest.raises(KeyError):
            plots.paired_seeds(pd.DataFrame({"nothing": []}), NOTHING)
    else:
        plt.close(plots.paired_seeds(scores({"binary": 2}), NOTHING))
    assert dict(plt.rcParams) == before


def test_a_figure_looks_the_same_whatever_the_users_settings(tmp_path):
    def saved(name: str) -> bytes:
        figure = plots.paired_seeds(scores({"binary": 2}), NOTHING)
        path = figures.save(figure, name, tmp_path)
        plt.close(figure)
        return path.read_bytes()

    plain = saved("a")
    with plt.rc_context({"axes.facecolor": "black", "font.size": 30, "ytick.major.size": 20}):
        assert saved("a") == plain
        figure = plots.paired_seeds(scores({"binary": 2}), NOTHING)
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


def labels(figure) -> list[str]:
    [legend] = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_legend_counts_seeds_where_all_panels_have_the_same():
    figure = plots.paired_seeds(scores({"binary": 3, "multiclass": 3}), NOTHING)
    assert labels(figure)[0] == "one of 3 seeds"
    assert [axis.get_title() for axis in figure.axes] == ["two classes", "four classes"]
    plt.close(figure)


def test_each_panel_has_its_own_number_of_seeds():
    frame = scores({"binary": 5, "multiclass": 2})
    alone = frame["seed"].eq(1) & frame["task"].eq("multiclass") & frame["loss"].eq("focal")
    figure = plots.paired_seeds(frame[~alone], NOTHING)
    assert labels(figure)[0] == "one seed"
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["two classes, 5 seeds", "four classes, 1 seed"]
    plt.close(figure)


def test_the_forest_tells_the_seeds_of_every_row():
    gains = pd.DataFrame({"protocol": ["a", "b"], "task": "binary", "n": [10, 5], "mean": 0})
    gains = gains.assign(metric="accuracy", low=-1, high=1)
    figure = plots.forest(gains, pd.Series(dtype=float))
    named = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert sorted(named) == ["two classes, a (n = 10)", "two classes, b (n = 5)"]
    assert np.allclose(figure.axes[0].get_yticks(), [0, 1])
    plt.close(figure)
