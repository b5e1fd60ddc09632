"""Which device and precision are chosen, and what is refused."""

import pytest
import torch

from fer_utils import devices
from fer_utils.errors import FerError


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(FerError, match="'cuda' is not available"):
        devices.choose("cuda")


@pytest.mark.parametrize(
    "capabilities, chosen, notices", [({}, "fp32", 1), ({"avx512_bf16": True}, "bf16", 0)]
)
def test_bf16_where_the_processor_has_it_and_a_word_where_it_has_not(
    monkeypatch, capsys, capabilities, chosen, notices
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert devices.choose("cpu").precision == chosen
    assert capsys.readouterr().out == ""
    assert devices.choose("cpu", "bf16").precision == "bf16"
    assert capsys.readouterr().out.count("this processor has no bf16") == notices


def test_an_unknown_device_is_refused():
    with pytest.raises(FerError, match="unknown device 'gpu'"):
        devices.choose("gpu")
