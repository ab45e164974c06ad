"""The checks behind ``Annotation.check``: what is wrong with an annotation, and how to mend it."""
