"""A picture in a notebook comes with the text in its place."""

import base64
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from fer_utils.reporting import alt_text


@pytest.fixture
def shown(monkeypatch):
    """What `show` hands to the notebook: bundle and metadata of each picture."""
    outputs = []
    monkeypatch.setattr(
        alt_text, "display", lambda bundle, raw, metadata: outputs.append((bundle, metadata))
    )
    return outputs


def test_show_gives_one_picture_and_closes_it(shown):
    figure, axis = plt.subplots()
    axis.plot([0, 1])
    alt_text.show(figure, "a line that rises")
    ((bundle, _),) = shown
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "a line that rises"
    # an open figure would be shown a second time by the notebook
    assert not plt.fignum_exists(figure.number)


def test_the_web_page_of_a_notebook_has_the_text(shown):
    alt_text.show(plt.figure(), 'bars for "happy" & sad')
    ((bundle, metadata),) = shown
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("show()")])
    data = bundle | {"image/png": "AAAA"}
    output = nbformat.v4.new_output("display_data", data=data, metadata=metadata)
    notebook.cells[0].outputs = [output]
    page, _ = HTMLExporter(template_name="classic").from_notebook_node(notebook)
    assert BeautifulSoup(page, "html.parser").find("img")["alt"] == 'bars for "happy" & sad'


def test_an_image_for_a_widget_has_its_text_too():
    figure = plt.figure()
    image = alt_text.as_html(figure, 'bars for "happy" & sad')
    parsed = BeautifulSoup(image, "html.parser").find("img")
    assert parsed["alt"] == 'bars for "happy" & sad'
    assert base64.b64decode(parsed["src"].removeprefix("data:image/png;base64,"))[1:4] == b"PNG"
    assert not plt.fignum_exists(figure.number)


def test_moving_a_control_draws_again(monkeypatch):
    drawn, widgets = [], []
    monkeypatch.setattr(alt_text, "display_widget", widgets.append)

    def draw(strength, kind):
        drawn.append((strength, kind))
        return plt.figure(figsize=(1 + strength, 1))

    alt_text.move(draw, "what it shows", strength=(0, 4, 2), kind=["blur", "noise"])
    strength, kind, picture = widgets[0].children
    assert drawn == [(2, "blur")] and (strength.description, kind.description) == (
        "strength",
        "kind",
    )
    first = picture.value
    strength.value = 4
    kind.value = "noise"
    assert drawn[1:] == [(4, "blur"), (4, "noise")] and picture.value != first
    assert picture.value.startswith('<img alt="what it shows" src="data:image/png;base64,')
    assert not plt.get_fignums()


def test_controls_start_at_the_functions_defaults(monkeypatch):
    shown = []
    monkeypatch.setattr(alt_text, "display_widget", shown.append)
    alt_text.move(lambda gamma=2.0: plt.figure(figsize=(1, 1)), "what", gamma=(0.0, 5.0, 0.5))
    assert shown[0].children[0].value == 2.0, "not in the middle of the range"


def test_a_page_without_widgets_has_a_sentence(monkeypatch):
    bundles = []
    monkeypatch.setattr(alt_text, "display", lambda bundle, raw: bundles.append(bundle))
    alt_text.display_widget(SimpleNamespace(model_id="abc"))
    ((text, view),) = [bundle.values() for bundle in bundles]
    assert text == alt_text.STILL and view["model_id"] == "abc"
