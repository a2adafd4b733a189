"""The scores: one monitor a module."""
