"""The parts of the Annotate dock."""
