"""Keeping what was painted: the journal of a window, and what a crash left behind."""
