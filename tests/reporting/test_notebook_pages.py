"""Executed notebooks as web pages: links, alternative texts, and a line in place of a widget."""

import nbformat
import pytest

from fer_utils.errors import FerError
from fer_utils.reporting import notebook_pages

PIXEL = "aGVsbG8="  # nobody looks at it


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_pages.paths, "CHECKOUT", tmp_path)
    folder = tmp_path / "results" / "sample" / "notebooks"
    folder.mkdir(parents=True)
    outputs = [
        nbformat.v4.new_output(
            "display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "A <pixel>"}}
        ),
        nbformat.v4.new_output(
            "display_data", {notebook_pages.WIDGET: {"model_id": "widget-7"}, "text/plain": "moves"}
        ),
    ]
    links = (
        "[two](02_cnn.ipynb), [loop](../fer_utils/training/loop.py), [web](https://x.org/a.ipynb)"
    )
    cells = [
        nbformat.v4.new_markdown_cell(links),
        nbformat.v4.new_code_cell("1 + 1", outputs=outputs),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"widgets": {"state": "state-7"}})
    nbformat.write(notebook, folder / "01_x.ipynb")
    return notebook_pages.write(folder / "01_x.ipynb").read_text(encoding="utf-8")


def test_links_lead_to_the_other_pages_and_into_the_checkout(page):
    assert 'href="02_cnn.html"' in page
    assert 'href="../../../fer_utils/training/loop.py"' in page
    assert 'href="https://x.org/a.ipynb"' in page


def test_pictures_have_their_alternative_text(page):
    assert 'alt="A &lt;pixel&gt;"' in page or 'alt="A <pixel>"' in page


def test_a_widget_is_a_line_of_text(page):
    assert "moves" in page and "widget-7" not in page and "state-7" not in page


def test_without_an_executed_notebook_it_says_what_to_do(tmp_path):
    with pytest.raises(FerError, match="no executed notebook; make it with: make all"):
        notebook_pages.write(tmp_path / "00_start.ipynb")
