"""What a network is for: a plain dictionary that travels with its weights.

Keys: ``classes`` (name and colour of each, background first), ``normalisation``, ``pixel_size``
(µm per axis, or None), ``settings`` of the training, ``history``, ``versions``.
"""

from typing import Any

from napari_unet.core.normalisation import Normalisation

# Okabe and Ito's colours, told apart by colour-blind people too; grey is the background
COLOURS = ("#999999", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


def empty_about(classes: int) -> dict[str, Any]:
    """Return what is known of a network that was never trained."""
    return {
        "classes": [named_class(number) for number in range(classes)],
        "normalisation": Normalisation().to_dict(),
        "pixel_size": None,
        "settings": {},
        "history": [],
        "versions": {},
    }


def named_class(number: int) -> dict[str, str]:
    """Return the name and colour a class has until somebody gives it better ones."""
    colour = COLOURS[0] if number == 0 else COLOURS[1 + (number - 1) % (len(COLOURS) - 1)]
    return {"name": f"class {number}" if number else "background", "color": colour}
