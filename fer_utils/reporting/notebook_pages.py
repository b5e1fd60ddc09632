"""Executed notebooks as web pages: `make notebooks-html`.

    python -m fer_utils.reporting.notebook_pages results/sample/notebooks/00_start.ipynb

nbconvert's template "classic" is the one that gives pictures their alternative texts.
"""

import os
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from fer_utils import io, paths
from fer_utils.errors import FerError

WIDGET = "application/vnd.jupyter.widget-view+json"


def write(notebook: Path) -> Path:
    """Writes <notebook>.html beside an executed notebook and returns its path.

    Links lead to the other notebooks' pages and to the files of the checkout. What needs a running
    notebook, as sliders do, is a line of text. Raises FerError where there is no notebook.
    """
    if not notebook.exists():
        raise FerError(f"{notebook}: no executed notebook; make it with: make all")
    content = nbformat.read(notebook, as_version=4)
    content.metadata.pop("widgets", None)  # else the page loads scripts to show them
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, notebook.parent)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(content)
    target = notebook.with_suffix(".html")
    with io.atomic_file(target) as part:
        part.write_text(page, encoding="utf-8")
    return target


def linked(source: str, folder: Path) -> str:
    """Markdown of a notebook with links that are right for a page in `folder`."""
    checkout = Path(os.path.relpath(paths.CHECKOUT, folder)).as_posix()
    pages = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", source)
    return pages.replace("](../", f"]({checkout}/")


if __name__ == "__main__":
    try:
        print(*(write(Path(name)) for name in sys.argv[1:]), sep="\n")
    except FerError as error:
        sys.exit(f"fer_utils: {error}")
