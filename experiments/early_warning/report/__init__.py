"""The report: one page that opens offline, the finding in words, and a table for the README."""

from slowturn.experiments.early_warning.report.markdown import results_table, worlds_table
from slowturn.experiments.early_warning.report.page import write_report
from slowturn.experiments.early_warning.report.verdict import tell

__all__ = ["results_table", "tell", "worlds_table", "write_report"]
