"""Logits of a split, with and without test-time augmentation."""

import numpy as np
import pytest
import torch

from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics, prediction


class Pixels(torch.nn.Module):
    """Logits that are pixels of the middle row, as they are, or added to their mirror image."""

    def __init__(self, symmetric: bool):
        super().__init__()
        self.symmetric = symmetric

    def forward(self, images):
        row = images[:, 0, images.shape[2] // 2].float() / 100
        return (row + row.flip(1) if self.symmetric else row)[:, :3]


@pytest.fixture
def batches():
    images = np.random.default_rng(0).integers(0, 256, (10, 9, 9), dtype=np.uint8)
    return Batches(images, np.zeros(10, np.int64), 4, torch.device("cpu"))


def test_predictions_are_made_in_evaluation_mode(batches):
    """Whatever mode training has left the network in: dropout is off."""
    network = torch.nn.Sequential(Pixels(False), torch.nn.Dropout(0.5)).train()
    expected = Pixels(False)(batches.images).numpy()
    np.testing.assert_array_equal(prediction.predict(network, batches), expected)


def test_tta_by_flip_of_a_network_that_flips_do_not_matter_to_changes_nothing(batches):
    plain, flipped = (prediction.predict(Pixels(True), batches, tta) for tta in ("none", "flip"))
    np.testing.assert_allclose(
        metrics.probabilities(flipped), metrics.probabilities(plain), atol=1e-6
    )


def test_tta_averages_probabilities(batches):
    row = batches.images[:, 0, 4].numpy() / 100.0
    expected = metrics.probabilities(row[:, :3]) / 2 + metrics.probabilities(row[:, :-4:-1]) / 2
    logits = prediction.predict(Pixels(False), batches, "flip")
    assert logits.dtype == np.float32
    np.testing.assert_allclose(metrics.probabilities(logits), expected, atol=1e-6)
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-6)
    row = batches.images[:, 0, 4 - prediction.SHIFT : 4 + prediction.SHIFT + 1 : prediction.SHIFT]
    views = []
    # three rows, each moved by three pixels to either side, edges repeated
    for pixels in (row, row.flip(2)):
        for by in (-prediction.SHIFT, 0, prediction.SHIFT):
            columns = np.clip(np.arange(3) - by, 0, 8)
            for place in range(3):
                seen = pixels[:, place].numpy()[:, columns] / 100.0
                views.append(metrics.probabilities(seen))
    logits = prediction.predict(Pixels(False), batches, "flip_shift")
    np.testing.assert_allclose(metrics.probabilities(logits), np.mean(views, axis=0), atol=1e-6)


def test_a_view_moves_down_and_right_and_repeats_the_border():
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    assert prediction.view(image, False, 1, 0)[0, 0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert prediction.view(image, True, 0, 1)[0, 0].tolist() == [[2, 2, 1], [5, 5, 4], [8, 8, 7]]


def test_unknown_test_time_augmentation_is_refused(batches):
    complaint = "unknown test-time augmentation 'crops'; choose one of: none, flip"
    with pytest.raises(FerError, match=complaint):
        prediction.predict(Pixels(False), batches, "crops")
