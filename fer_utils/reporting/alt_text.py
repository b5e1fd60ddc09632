"""Pictures in notebooks, each with a text in its place for those who do not see it."""

import io

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from fer_utils.reporting.figures import style


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
    stream = io.BytesIO()
    with style():
        figure.savefig(stream, format="png", bbox_inches="tight")
    plt.close(figure)  # or the notebook would show it a second time, without its text
    bundle = {"image/png": stream.getvalue(), "text/plain": alt}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
