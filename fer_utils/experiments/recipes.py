"""Every study by name, as a list of experiments: what is compared, with which settings."""

from collections.abc import Callable
from typing import Any

from fer_utils.errors import FerError, one_of
from fer_utils.experiments import best_recipe, cnn_recipes, report_b_recipes, transfer_recipes
from fer_utils.training.experiment import Experiment

STUDIES: dict[str, Callable[..., list[Experiment]]] = {
    **cnn_recipes.STUDIES,
    **best_recipe.STUDIES,
    **transfer_recipes.STUDIES,
    **report_b_recipes.STUDIES,
}


def make_study(name: str, dataset: str, **settings: Any) -> list[Experiment]:
    """The experiments of a study.

    Parameters
    ----------
    name : one of STUDIES
    settings : fields of Experiment for every experiment, and `seeds`

    Raises
    ------
    FerError
        For an unknown name, a setting that does not exist and one that the study varies.
    """
    make = STUDIES[one_of(name, STUDIES, "study")]
    try:
        return make(dataset, **settings)
    except TypeError as error:  # "got multiple values for keyword argument 'loss'"
        raise FerError(f"study {name} cannot take that setting: {error}") from None
