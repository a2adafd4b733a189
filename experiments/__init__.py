"""Experiments: bring worlds, organisms and monitors together; store, plot and report."""
