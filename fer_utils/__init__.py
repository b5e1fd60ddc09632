"""The package behind the numbered notebooks: faces in, tables and figures out.

Data flows one way. Each folder imports only from those before it:

- files at the top: errors, paths, io (whole files, locks), machine, devices, precision,
  distributed
- data: from a folder, zip or CSV to a prepared data set, its tasks and splits, and batches
- models: one file per network, their registry, freezing; pretrained: where weights come from
- evaluation: logits, metrics, calibration, statistics, corrupted images
- training: an experiment's configuration, losses, optimizer, checkpoints, and the loop
- experiments: one run, recipes and studies, run here, over Ray or over Slurm; results as tables
- analysis: from results to evidence: losses compared, leaks, claims, transfer, ablation, ensembles
- inference: the exported network on other images; faces found in photographs
- deploy: the exported network for other programs (ONNX, TorchScript), and what to expect of it
- reporting: figures, tables, the report, README and model card
- cli: the command line
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`load_best` from the top level; PyTorch is imported only by who asks for it."""
    if name == "load_best":
        from fer_utils.inference.predictor import load_best

        return load_best
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
