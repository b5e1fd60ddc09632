"""Pretrained weights: read from files of every public form (formats), checked and kept (store)."""

from fer_utils.models.pretrained.store import Pretrained, load

__all__ = ["Pretrained", "load"]
