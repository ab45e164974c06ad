"""Deforming: the steps of a deformation, from its nodes to the pixels of a tile."""
