"""Does a probability mean what it says? Calibration error, reliability, and temperature scaling."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fer_utils.evaluation.metrics import probabilities


def reliability(probability: np.ndarray, labels: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """How often the answer is right, by how sure it is: bins of equal width, empty ones left out.

    Parameters
    ----------
    probability : float, images×classes
    labels : int, one per image

    Returns
    -------
    bin : 0 … bins − 1
    confidence : mean of the highest probability
    accuracy : share of right answers
    images : how many
    """
    confidence = probability.max(1)
    right = probability.argmax(1) == labels
    # a probability of 1 belongs into the last bin, not into one beyond it
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    images = np.bincount(bin_of)
    filled = np.flatnonzero(images)
    means = {
        name: np.bincount(bin_of, values)[filled] / images[filled]
        for name, values in (("confidence", confidence), ("accuracy", right))
    }
    return pd.DataFrame({"bin": filled, **means, "images": images[filled]})


def expected_calibration_error(
    probability: np.ndarray, labels: np.ndarray, bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy over the bins, weighted by images; 0..1.

    Guo, Pleiss, Sun and Weinberger: On calibration of modern neural networks, 2017.
    """
    table = reliability(probability, labels, bins)
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float((table["images"] * distance).sum() / len(labels))


def resampled_calibration_error(
    probability: np.ndarray, labels: np.ndarray, weights: np.ndarray, bins: int = 15
) -> np.ndarray:
    """What `expected_calibration_error` would be if image i counted weights[r, i] times.

    Parameters
    ----------
    weights : float, resamples×images

    Returns
    -------
    float, one per resample
    """
    confidence = probability.max(1)
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.zeros((len(labels), bins), np.float32)
    gaps[np.arange(len(labels)), bin_of] = confidence - (probability.argmax(1) == labels)
    # within a bin the distance of the means is that of the sums, over all images
    return np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)


def brier_scores(probability: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Squared distance of the probabilities from the label's, one per image, 0..2 (Brier 1950)."""
    return ((probability - np.eye(probability.shape[1])[labels]) ** 2).sum(axis=1)


def log_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """−log (natural) of the probability given to the true class, one per image."""
    log_probability = log_softmax(logits.astype(np.float64), axis=1)
    return -log_probability[np.arange(len(labels)), labels]


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean of `log_losses`."""
    return float(log_losses(logits, labels).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that minimises the negative log-likelihood of logits / T (Guo et al. 2017).

    To be fitted on validation, since it would flatter the images that it was fitted on. Between
    e⁻³ and e³.
    """
    fit = minimize_scalar(
        # over log T, so that T stays above 0 and halves and doubles are equally far from 1
        lambda log_t: negative_log_likelihood(logits / np.exp(log_t), labels),
        bounds=(-3, 3),
        method="bounded",
    )
    return float(np.exp(fit.x))


def sure_threshold(probability: np.ndarray, labels: np.ndarray, share: float) -> float:
    """The lowest threshold t above which answers are right at least so often.

    An answer counts as sure if its probability is above t. To be chosen on validation, with
    calibrated probabilities.

    Parameters
    ----------
    probability : float, images×classes
    labels : int, one per image
    share : of the sure answers that is right, 0..1

    Returns
    -------
    0 where all answers together are right as often, 1 (no answer is sure) where no part of them is
    """
    confidence = probability.max(1)
    order = np.argsort(-confidence, kind="stable")
    right = (probability.argmax(1) == labels)[order].cumsum() / np.arange(1, len(labels) + 1)
    confidence = confidence[order]
    # a threshold lies between two different confidences
    borders = np.append(confidence[:-1] > confidence[1:], True)
    good = np.flatnonzero(borders & (right >= share))
    if not len(good):
        return 1.0
    return float(confidence[good[-1] + 1]) if good[-1] + 1 < len(confidence) else 0.0


def calibration(predictions: dict[str, np.ndarray]) -> dict[str, float]:
    """Calibration on test, before and after scaling by the temperature that suits validation.

    Parameters
    ----------
    predictions : of one run, as `Results.predictions` gives them

    Returns
    -------
    temperature
    ece, nll, brier : expected calibration error, negative log-likelihood and mean Brier score of
        the logits as they are
    ece_scaled, nll_scaled, brier_scaled : of logits / temperature
    """
    temperature = fit_temperature(predictions["val_logits"], predictions["val_labels"])
    labels, logits = predictions["test_labels"].astype(np.int64), predictions["test_logits"]
    values = {"temperature": temperature}
    for suffix, scaled in (("", logits), ("_scaled", logits / temperature)):
        probability = probabilities(scaled)
        values[f"ece{suffix}"] = expected_calibration_error(probability, labels)
        values[f"nll{suffix}"] = negative_log_likelihood(scaled, labels)
        values[f"brier{suffix}"] = float(brier_scores(probability, labels).mean())
    return values
