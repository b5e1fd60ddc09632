"""Parameters and multiply-adds of known networks, by hand and as they are published."""

import pytest

from fer_utils.analysis.costs import multiply_adds
from fer_utils.reporting import network_tables


def test_the_cnns_multiply_adds_by_hand():
    sides, channels = (48, 24, 12), (1, 32, 64, 128)
    pairs = zip(sides, channels, channels[1:], strict=False)
    convolutions = sum(side**2 * 9 * before * after for side, before, after in pairs)
    dense = 6 * 6 * 128 * 512 + 512 * 4
    assert multiply_adds("cnn", 4) == convolutions + dense


def test_resnet18_is_as_torchvision_publishes_it():
    # 1.81 billion multiply-adds, with a head of 1,000 classes
    assert multiply_adds("resnet18", 1000) == pytest.approx(1.814e9, rel=1e-3)


def test_the_table_has_a_row_per_network():
    rows = [line for line in network_tables.networks().splitlines() if r"$\times$" in line]
    assert len(rows) == len(network_tables.SHOWN)
    assert rows[0].startswith(r"CNN & 48$\times$48$\times$1 & 2.5 & 24 & block1")
