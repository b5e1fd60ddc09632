"""What pyproject.toml cannot say: the files of the checkout that a wheel takes along.

They keep their paths below fer_utils/shipped, where fer_utils.paths finds them: the exported
network, for load_best, with and without PyTorch, the face detector with its licence, the numbers
that the two reports print, and the names of FER+'s pictures.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
SHIPPED = (
    "results/fer2013/best/model.safetensors",
    "results/fer2013/best/model-int8.onnx",
    "data/weights/yunet.*",
    "data/reported/*.csv",
    "data/ferplus/*.csv.gz",
)


class WithShippedFiles(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout itself is used
            return
        for pattern in SHIPPED:
            for path in sorted(HERE.glob(pattern)):
                target = Path(self.build_lib, "fer_utils", "shipped", path.relative_to(HERE))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass={"build_py": WithShippedFiles})
