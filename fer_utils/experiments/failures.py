"""Many runs, of which some fail: the others are finished first, then every reason is named."""

import sys
import traceback

from fer_utils.errors import FerError


class Failures:
    """Collects why some of `total` runs failed; `report` raises once all others are finished."""

    def __init__(self, total: int):
        self.total = total
        self.reasons: dict[str, str] = {}  # by the run's id

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, run: str, error: BaseException) -> None:
        """Notes the failure of the run of this id and prints it on stderr.

        An error that nobody foresaw, any but FerError, leaves its traceback too.
        """
        if not isinstance(error, FerError):
            traceback.print_exception(error)
        self.reasons[run] = reason(error)
        print(f"failed: {run}: {self.reasons[run]}", file=sys.stderr, flush=True)

    def report(self) -> None:
        """Raises FerError with all reasons, if there are any."""
        if self.reasons:
            count = f"{len(self)} of {self.total} runs failed, the others are finished"
            reasons = " · ".join(f"{run}: {why}" for run, why in self.reasons.items())
            raise FerError(f"{count}: {reasons}")


def reason(error: BaseException) -> str:
    """One line: the message of a FerError, of any other error its type too."""
    text = (str(error).splitlines() or [""])[0]
    return text if isinstance(error, FerError) else f"{type(error).__name__}: {text}"
