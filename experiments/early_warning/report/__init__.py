"""The report: one page that opens offline (`page`, `viewer`), and the finding in words."""

from slowturn.experiments.early_warning.report.page import write_report
from slowturn.experiments.early_warning.report.verdict import tell

__all__ = ["tell", "write_report"]
