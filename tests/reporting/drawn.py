"""What a figure shows, read back from it."""

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure


def line(axis: Axes, **of):
    """The points of the only line with this colour, marker, style or label, as lists x and y."""
    found = [drawn for drawn in axis.lines if all(_has(drawn, *each) for each in of.items())]
    assert len(found) == 1, (of, len(found))
    return found[0].get_xydata().T.tolist()


def _has(drawn, what, value):
    got = getattr(drawn, f"get_{what}")()
    return to_hex(got) == to_hex(value) if what == "color" else got == value


def legend(figure: Figure) -> list[str]:
    (shown,) = figure.legends
    return [text.get_text() for text in shown.get_texts()]


def texts(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]
