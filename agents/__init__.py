"""Organisms: agents whose ground truth is known."""
