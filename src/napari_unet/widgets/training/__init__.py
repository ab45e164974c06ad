"""The parts of the Train dock, and what of a training outlives it."""
