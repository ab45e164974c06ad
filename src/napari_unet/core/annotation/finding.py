"""Finding: something about an annotation that a person should know before training on it."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """What was found and how to mend it, in words.

    An *error* cannot be trained on; a *warning* will probably teach the network something wrong;
    a *note* is a fact.
    """

    what: str  # a short key that stays the same between releases
    severity: Severity
    message: str  # a sentence with the numbers
    remedy: str  # a sentence that says what to do
    where: tuple[int, ...] | None = None  # a pixel to go to, in the axes of the labels
    objects: tuple[int, ...] = ()  # the painted ids of the objects it is about

    def __str__(self) -> str:
        """Join message and remedy to one sentence, as errors are."""
        remedy = self.remedy[:1].lower() + self.remedy[1:].removesuffix(".")
        return f"{self.message.removesuffix('.')}; {remedy}"
