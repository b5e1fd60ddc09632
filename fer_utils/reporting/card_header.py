"""The head of a model card: YAML that the Hugging Face Hub reads, with its model-index.

https://huggingface.co/docs/hub/model-cards (keys) and github.com/paperswithcode/model-index.
"""

import pandas as pd
import yaml

METRICS = {"accuracy": "accuracy", "macro_f1": "f1"}  # ours: the Hub's type
NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1"}


def header(about: dict, scores: pd.DataFrame, name: str, task: str, data: str) -> str:
    """The lines between two rules of three dashes, rules included.

    Parameters
    ----------
    about
        The exported file's metadata.
    scores
        `exported.scores` of the file's own task.
    name
        The model's.
    task
        What it does, in a few words.
    data
        The data set's name as it is read.
    """
    cells = scores[scores["class"] == ""].set_index("metric")["value"]
    measured = [
        {"type": kind, "name": NAMES[metric], "value": round(float(cells[metric]), 4)}
        | ({"args": {"average": "macro"}} if kind == "f1" else {})
        for metric, kind in METRICS.items()
    ]
    dataset = {"name": data, "type": about["dataset"], "split": _split(about)}
    result = {
        "task": {"type": "image-classification", "name": task},
        "dataset": dataset | {"revision": about["digest"]},
        "metrics": measured,
    }
    content = {
        "license": "mit",
        "library_name": "fer-utils",
        "pipeline_tag": "image-classification",
        "tags": ["facial-expression-recognition", "pytorch", "safetensors"],
        "datasets": [about["dataset"]],
        "metrics": list(METRICS.values()),
        "model-index": [{"name": name, "results": [result]}],
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return f"---\n{text}---\n"


def _split(about: dict) -> str:
    return "PrivateTest" if about["protocol"].startswith("PublicTest validates") else "test"
