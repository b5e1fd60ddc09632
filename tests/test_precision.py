"""Where float32 is kept in spite of bf16 or TF32."""

import pytest
import torch

from fer_utils.precision import Float32Depthwise, exact_fp32


def convolved(groups):
    """The type in which a convolution of four channels answers under autocast."""
    layer = torch.nn.Conv2d(4, 4, 3, groups=groups)
    with torch.autocast("cpu", torch.bfloat16), Float32Depthwise():
        return layer(torch.ones(1, 4, 8, 8)).dtype


def test_depthwise_convolutions_that_learn_leave_autocast():
    assert convolved(groups=4) == torch.float32
    assert convolved(groups=1) == torch.bfloat16
    with torch.no_grad():
        assert convolved(groups=4) == torch.bfloat16


def test_groups_by_name_count_too():
    weight = torch.ones(4, 1, 3, 3, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16), Float32Depthwise():
        assert torch.conv2d(torch.ones(1, 4, 8, 8), weight, groups=4).dtype == torch.float32


def test_tf32_is_off_inside_and_comes_back_after_an_error(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with pytest.raises(ValueError), exact_fp32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
        raise ValueError
    assert torch.backends.cudnn.allow_tf32
