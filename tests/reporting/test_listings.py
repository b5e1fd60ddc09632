"""Listings are the source that ran: its lines, their numbers, and nothing too long to be read."""

import pytest

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.models import freezing
from fer_utils.reporting import listings
from fer_utils.reporting.listings import EXCERPTS, Excerpt


@pytest.mark.parametrize("name", EXCERPTS)
def test_a_listing_is_the_file_from_the_line_that_it_names(name):
    excerpt = EXCERPTS[name]
    lines, start = excerpt.lines()
    file = paths.PACKAGE.parent / (excerpt.function.__module__.replace(".", "/") + ".py")
    there = file.read_text().splitlines()[start - 1 : start - 1 + len(lines)]
    assert [line.strip() for line in there] == [line.strip() for line in lines]
    assert lines[0] == lines[0].lstrip() and 1 < len(lines) <= listings.LONGEST
    text = listings.as_latex(excerpt)
    assert f"firstnumber={start}," in text and file.name.replace("_", r"\_") in text
    assert text.count(r"\begin{Verbatim}") == text.count(r"\end{Verbatim}") == 1


def test_the_loop_shows_the_steps_in_their_order():
    shown = "\n".join(EXCERPTS["loop"].lines()[0])
    steps = (
        "zero_grad()",
        "hardware.forward(",
        "batch_loss(",
        "loss.backward()",
        "optimizer.step()",
    )
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)


def test_lines_that_are_gone_or_too_many_are_refused():
    with pytest.raises(FerError, match="freeze has no lines from 'thaw'"):
        Excerpt(freezing.freeze, "thaw", "network.train(").lines()
    with pytest.raises(FerError, match="a listing has 1 to 15 lines"):
        Excerpt(freezing.freeze, "def freeze", "network.train(").lines()
