"""Convolving: unpadded 3x3 convolutions with a quarter of the multiplications, on a CPU.

Winograd's minimal filtering, F(4x4, 3x3): a square of 4x4 pixels of the result costs 36
multiplications for each pair of channels instead of 144.
"""
