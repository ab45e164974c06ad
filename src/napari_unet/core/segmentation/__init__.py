"""Segmenting: a network over a whole image, tile by tile, equal to the image in one piece."""
