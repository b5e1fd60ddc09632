"""Options that several commands have in common."""

from typing import Annotated

import typer

# Plain texts, no enumerations: what a value may be is checked where it is used, so that a
# notebook's wrong one meets the same error, and help imports no PyTorch.
Device = Annotated[str, typer.Option(help="auto (the fastest there is), cpu, cuda or mps")]
Precision = Annotated[
    str, typer.Option(help="of training: auto (bf16 where the processor has it), fp32 or bf16")
]
Tracker = Annotated[str, typer.Option(help="curves while it computes: none, tensorboard or wandb")]
Results = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="a set of results of its own, results-NAME/ instead of results/"
    ),
]
Dataset = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="a prepared data set under data/; sample is drawn when needed"
    ),
]
