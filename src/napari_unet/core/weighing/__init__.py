"""Weighing: the parts of a weight map."""
