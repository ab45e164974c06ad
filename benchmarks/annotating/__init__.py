"""The parts of benchmarks/annotator.py: pictures, a person at a mouse, learners, and curves."""
