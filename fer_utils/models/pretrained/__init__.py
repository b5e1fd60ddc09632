"""Pretrained weights: where they come from (sources), in which files (formats), kept and checked (store)."""

from fer_utils.models.pretrained.store import Pretrained, load

__all__ = ["Pretrained", "load"]
