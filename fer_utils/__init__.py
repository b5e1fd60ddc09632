"""The small package behind the numbered notebooks: faces in, tables and figures out.

Read the rooms in this order; each imports only from those before it.

- ground: errors, paths, files
- data: emotions, faces, decoding, listing, sources, sample, copies, audit
- the machine: compiling, depthwise, devices, parallel
- what a network sees: batches, augment
- networks: resnet, efficientnet_lite, face_resnet, vggface, timm_backbones, backbones, weight_files,
  weight_sources, weights, models
- training: freezing, losses, gradients, trunk, schedules, averaging, checkpoints, training
- a run and what it leaves: evaluation, experiment, results
- drawing: typeset, figures, charts, tracking
- many runs: running, failures, jobs, cluster, slurm, studies
- evidence: significance, calibration, evidence, reproduction, claims, suspects, transfer
- the best network: evidence_files, restricted, ensembles, rivals, ablations, costs, trained,
  pictures, predictor, corruptions, robustness, model_card, best
- pages: tables, best_tables, best_charts, transfer_tables, transfer_charts,
  transfer_macros, contents, macros, report, notebooks, readme
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    """load_best from the top level, without PyTorch being imported by whoever does not call it."""
    if name == "load_best":
        from fer_utils.inference.predictor import load_best

        return load_best
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
