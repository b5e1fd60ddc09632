"""The small package behind the numbered notebooks: faces in, tables and figures out.

Read the rooms in this order: emotions, faces, decoding, sources, sample, copies, audit, compiling, depthwise,
devices, parallel, batches, augment, resnet, efficientnet_lite, face_resnet, vggface, timm_backbones, backbones,
weight_files, weight_sources, weights, models, freezing, losses, gradients, trunk, schedules, averaging,
checkpoints, training, evaluation, experiment, results, typeset, figures, charts, tracking, running, jobs, cluster,
studies, significance, calibration, evidence, reproduction, claims, suspects, transfer, restricted, ensembles,
rivals, ablations, costs, trained, pictures, predictor, corruptions, robustness, tables, model_card, best,
best_tables, best_charts, transfer_tables, transfer_charts, transfer_macros, contents, macros, report, notebooks,
readme. Each imports only from those before it (and from errors, files and paths).
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    """load_best from the top level, without PyTorch being imported by whoever does not call it."""
    if name == "load_best":
        from fer_utils.predictor import load_best

        return load_best
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
