"""Strokes as they lie in a journal, and what is made of them again."""
