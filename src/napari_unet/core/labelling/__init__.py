"""Labelling: the parts of finding objects in scores, box by box."""
