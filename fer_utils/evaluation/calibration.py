"""Does a probability mean what it says? Calibration error, reliability, and temperature scaling."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fer_utils.evaluation.metrics import probabilities


def reliability(probability: np.ndarray, labels: np.ndarray, bins: int = 15) -> pd.DataFrame:
    """Bins of equal width by the highest probability: images, mean confidence, accuracy; empty ones left out.

    probability: float, N×classes; labels: int, N.
    """
    sure = probability.max(1)
    frame = pd.DataFrame({"confidence": sure, "accuracy": probability.argmax(1) == labels})
    frame["bin"] = np.minimum((sure * bins).astype(int), bins - 1)
    grouped = frame.groupby("bin")
    return grouped.mean().assign(images=grouped.size()).reset_index()


def expected_calibration_error(
    probability: np.ndarray, labels: np.ndarray, bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy over the bins, weighted by images (Guo et al. 2017); 0..1."""
    table = reliability(probability, labels, bins)
    return float(
        (table["images"] * (table["confidence"] - table["accuracy"]).abs()).sum() / len(labels)
    )


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean −log of the probability given to the true class."""
    return float(
        -log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels].mean()
    )


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T > 0 that minimises the negative log-likelihood of logits / T; for validation (Guo et al. 2017)."""
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits / np.exp(log_t), labels),
        bounds=(-3, 3),
        method="bounded",
    )
    return float(np.exp(found.x))


def calibration(predictions: dict[str, np.ndarray]) -> dict[str, float]:
    """Temperature from validation; ECE and NLL on test before and after it. Takes Results.predictions(run)."""
    temperature = fit_temperature(predictions["val_logits"], predictions["val_labels"])
    made = {"temperature": temperature}
    labels = predictions["test_labels"].astype(np.int64)
    for name, logits in (
        ("", predictions["test_logits"]),
        ("_scaled", predictions["test_logits"] / temperature),
    ):
        made[f"ece{name}"] = expected_calibration_error(probabilities(logits), labels)
        made[f"nll{name}"] = negative_log_likelihood(logits, labels)
    return made
