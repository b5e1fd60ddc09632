"""Which classes a task tells apart, in which order and with which weights."""

import pytest

from fer_utils.data.tasks import EMOTIONS, TASK_NAMES, TASKS, class_weights, get_task
from fer_utils.errors import FerError


def test_classes_and_weights_of_the_tasks():
    assert get_task("binary").classes == ("happy", "sad")
    assert get_task("binary").weights == (1.0, 1.5)
    assert get_task("multiclass").classes == ("angry", "fear", "happy", "sad")
    assert get_task("multiclass").weights == (2.0, 1.5, 1.0, 1.3)
    assert get_task("three").classes == ("angry", "happy", "sad")
    assert get_task("seven").classes == EMOTIONS
    assert get_task("surprise+happy").classes == ("surprise", "happy")  # in the order given


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("four", "unknown task 'four'; choose one of: binary, .*, or join classes by"),
        ("happy+happy", "task 'happy.happy' names a class twice or an empty class"),
        ("happy+", "task 'happy.' names a class twice or an empty class"),
    ],
)
def test_unknown_tasks_are_refused(name, complaint):
    with pytest.raises(FerError, match=complaint):
        get_task(name)


def test_every_task_is_named_in_tables_and_has_a_weight_for_each_class():
    assert TASK_NAMES.keys() == TASKS.keys()
    assert all(len(task.weights) == len(task.classes) for task in TASKS.values())


def test_the_weights_go_to_the_classes_in_the_order_that_is_named():
    task = get_task("multiclass")  # angry, fear, happy, sad: 2.0, 1.5, 1.0, 1.3
    assert class_weights(task) == class_weights(task, "angry+fear+happy+sad") == task.weights
    assert class_weights(task, "sad+angry+fear+happy") == (1.5, 1.0, 1.3, 2.0)
    assert class_weights(get_task("binary"), "sad+happy") == (1.5, 1.0)


@pytest.mark.parametrize("order", ["angry+fear+happy", "angry+fear+happy+happy", "sad"])
def test_an_order_that_leaves_out_a_class_is_refused(order):
    with pytest.raises(FerError, match="weight_order must name each class of the task once"):
        class_weights(get_task("multiclass"), order)
