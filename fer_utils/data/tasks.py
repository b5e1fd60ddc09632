"""The seven expressions and the tasks made of them. Names are saved and compared, never indices."""

from dataclasses import dataclass

from fer_utils.errors import FerError

# Folder order is alphabetical; the order of FER2013's CSV column `emotion` is not.
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
CSV_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@dataclass(frozen=True)
class Task:
    """Which classes are told apart, in the order of the logits; each class's weight in the loss."""

    name: str
    classes: tuple[str, ...]
    weights: tuple[float, ...]


TASKS = {
    task.name: task
    for task in (
        Task("binary", ("happy", "sad"), (1.0, 1.5)),  # report A, with its class weights
        Task("multiclass", ("angry", "fear", "happy", "sad"), (2.0, 1.5, 1.0, 1.3)),  # report A
        Task("three", ("angry", "happy", "sad"), (1.0, 1.0, 1.0)),  # report B
        Task("seven", EMOTIONS, (1.0,) * 7),
    )
}

# how tables and figures call them
TASK_NAMES = {
    "binary": "two classes",
    "three": "three classes",
    "multiclass": "four classes",
    "seven": "seven classes",
}


def get_task(name: str) -> Task:
    """A task by name, or any classes joined by '+' ("happy+surprise"), of weight 1.

    Raises FerError for a single unknown name, and for a class that is named twice or empty.
    """
    if name in TASKS:
        return TASKS[name]
    classes = tuple(name.split("+"))
    if len(classes) < 2:
        raise FerError(
            f"unknown task {name!r}; choose one of: {', '.join(TASKS)}, "
            "or join classes by '+', as in happy+sad"
        )
    if len(set(classes)) < len(classes) or "" in classes:
        raise FerError(f"task {name!r} names a class twice or an empty class")
    return Task(name, classes, (1.0,) * len(classes))


def class_weights(task: Task, order: str = "") -> tuple[float, ...]:
    """The weight of each class in the loss.

    order: classes joined by "+", the first of which gets the first of the task's weights, and so
    on; "": the task's own order. Raises FerError if it is no order of the task's classes.
    """
    if not order:
        return task.weights
    named = order.split("+")
    if sorted(named) != sorted(task.classes):
        raise FerError(
            f"weight_order must name each class of the task once: {'+'.join(task.classes)} in any "
            f"order; got {order!r}"
        )
    return tuple(task.weights[named.index(cls)] for cls in task.classes)
