"""The small package behind the numbered notebooks: faces in, tables and figures out.

Read the rooms in this order: emotions, faces, sources, sample, batches, models, losses, training,
evaluation, experiment, studies, results, figures, report. Each imports only from those before it.
"""

__version__ = "0.1.0"
