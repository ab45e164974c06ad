"""The parts of the Evaluate dock."""
