"""The claim: some monitors of internals ring before behaviour can give a slow turn away.

`settings` (data only) -> `run` (`parts` in parallel, resumable) -> `analysis` (rows with
intervals) and `controls` -> `figures` and the `report`. `bench` ties them together; `results`
holds those of the full setting.
"""

from slowturn.experiments.early_warning.bench import run_bench, shipped_organisms

__all__ = ["run_bench", "shipped_organisms"]
