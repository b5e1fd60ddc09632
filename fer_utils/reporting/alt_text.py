"""Pictures in notebooks, still or moved by controls, each with a text for those who see none."""

import base64
import html
import inspect
import io
from collections.abc import Callable
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from fer_utils.reporting.figures import style

STILL = "A widget: it moves where the notebook runs. The picture above is where it starts."


def show(figure: Figure, alt: str) -> None:
    """Shows a figure as the output of a notebook's cell, and closes it.

    Parameters
    ----------
    figure
        As our plot functions return it.
    alt
        What the picture shows, in one or two sentences. It becomes the image's `alt` in HTML and
        stands in the place of the picture in a terminal.
    """
    bundle = {"image/png": _png(figure), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})


def as_html(figure: Figure, alt: str) -> str:
    """The same as an HTML image that holds its own bytes, for a widget; closes the figure."""
    data = base64.b64encode(_png(figure)).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def move(draw: Callable[..., Figure], alt: str, **controls: Any) -> None:
    """Shows a figure with controls for the arguments of the function that draws it.

    Parameters
    ----------
    draw
        Takes the values of the controls by name; its defaults are where they start.
    alt
        What the figure shows, as for `show`.
    controls
        As for `ipywidgets.interact`: a list of choices, (low, high, step), or a widget.
    """
    starts = inspect.signature(draw).parameters
    widgets = {
        name: ipywidgets.interactive.widget_from_abbrev(
            control, starts[name].default if name in starts else inspect.Parameter.empty
        )
        for name, control in controls.items()
    }
    # not ipywidgets' Output: nbclient, which executes notebooks, may wait for one for ever
    picture = ipywidgets.HTML()

    def redraw(_: object) -> None:
        values = {name: widget.value for name, widget in widgets.items()}
        picture.value = as_html(draw(**values), alt)

    for name, widget in widgets.items():
        widget.description = name
        widget.observe(redraw, "value")
    redraw(None)
    display_widget(ipywidgets.VBox([*widgets.values(), picture]))


def display_widget(widget: ipywidgets.Widget) -> None:
    """Shows a widget; a page that cannot move it shows a sentence in its place."""
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    bundle = {"text/plain": STILL, "application/vnd.jupyter.widget-view+json": view}
    display(bundle, raw=True)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format="png", bbox_inches="tight")
    plt.close(figure)  # or the notebook would show it a second time, without its text
    return stream.getvalue()
