"""The small package behind the numbered notebooks: faces in, tables and figures out.

Read the rooms in this order: emotions, faces, sources, sample, audit, batches, augment, resnet, models, losses,
devices, schedules, averaging, training, evaluation, experiment, studies, results, significance, calibration,
evidence, tables, figures, macros, report, notebooks, readme. Each imports only from those before it (and from
errors, files and paths).
"""

__version__ = "0.1.0"
