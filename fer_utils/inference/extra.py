"""The packages of the extra `deploy`, imported by whoever needs one, or one line on how to get it.

Nothing at the top of a module imports them, so that training and `predict` on cropped faces work
without.
"""

from importlib import import_module
from types import ModuleType

from fer_utils.errors import FerError


def require(name: str, purpose: str) -> ModuleType:
    """The module `name`, for example onnxruntime.

    Raises
    ------
    FerError
        Where it is not installed: what for it is needed, and the command that installs it.
    """
    try:
        return import_module(name)
    except ImportError:
        remedy = "pip install 'fer-utils[deploy]' (in a checkout: pip install -e '.[deploy]')"
        raise FerError(f"{purpose} needs the package {name}: {remedy}") from None
