"""The parts of the Preview dock."""
