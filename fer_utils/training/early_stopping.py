"""When a training ends before its last epoch."""

from collections.abc import Sequence

from fer_utils.training.experiment import Experiment


def stops_early(history: Sequence[dict], config: Experiment, epoch: int) -> bool:
    """Whether `epoch` is not begun: config.patience is used up since the last unfreezing.

    A function of the history alone, so that a resumed run stops where the other would have.
    """
    schedule = config.unfreezing
    if schedule.end(epoch, config.epochs) != config.epochs:
        return False  # further stages are still to be unfrozen
    # An accuracy from before an unfreezing is no measure: other stages learnt then.
    since = history[schedule.start(epoch) - 1 :]
    return out_of_patience([row["val_accuracy"] for row in since], config.patience)


def out_of_patience(accuracies: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` epochs brought no accuracy above the best before; 0: never."""
    if not 0 < patience < len(accuracies):
        return False
    return max(accuracies[-patience:]) <= max(accuracies[:-patience])
