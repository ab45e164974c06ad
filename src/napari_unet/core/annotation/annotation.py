"""Annotation: an image, its labels, and which pixels are unlabelled.

Any two arrays make one, so that ``check`` can say what is wrong with them. What cannot be
understood is refused when the classes are first asked for.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_unet.core.annotation.check import check
from napari_unet.core.annotation.check_values import value_findings
from napari_unet.core.annotation.finding import Finding as Finding
from napari_unet.core.annotation.image_fit import Fit, fit
from napari_unet.core.annotation.label_codes import UNLABELLED as UNLABELLED
from napari_unet.core.annotation.label_codes import LabelCode, LabelTable
from napari_unet.core.arrays.axes import spatial_axes
from napari_unet.core.arrays.label_values import ConnectedRegions


class Annotation:
    """An image and its labels, frozen when it is made.

    ``labels`` have the axes of ``image``, channels left out. ``zero`` says whether 0 is
    'unlabelled' (then 1 is background and 2… are classes) or 'background' (then 1… are classes);
    with ``ids='objects'`` these values are objects of one class instead. ``axes`` such as 'YX',
    'YXC' or 'ZYX' are found from the shapes when None.

    An array that can be written to is copied, so that a later brush stroke changes nothing here:
    a few milliseconds and the memory of the array. One that is read-only all through is shared.
    """

    image: np.ndarray  # as given, read-only
    labels: np.ndarray  # as given, read-only
    zero: str
    ids: str

    def __init__(
        self,
        image: ArrayLike,
        labels: ArrayLike,
        *,
        axes: str | None = None,
        zero: str = "unlabelled",
        ids: str = "classes",
    ) -> None:
        if not isinstance(axes, str | None):
            raise TypeError(f"axes are letters such as 'YX', not {axes!r}")
        self._set("_code", LabelCode(zero, ids))
        self._set("zero", zero)
        self._set("ids", ids)
        self._set("image", _snapshot("image", image))
        self._set("labels", _snapshot("labels", labels))
        self._set("_fit", fit(self.image, self.labels, axes))

    _code: LabelCode
    _fit: Fit

    def _set(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an Annotation is frozen: make a new one to change its {name}")

    def __repr__(self) -> str:
        return (
            f"Annotation(image {self.image.shape} {self.image.dtype}, "
            f"labels {self.labels.shape} {self.labels.dtype}, axes={self._fit.axes!r}, "
            f"zero={self.zero!r}, ids={self.ids!r})"
        )

    @property
    def axes(self) -> str:
        """The axes of the image."""
        _refuse(self._fit.findings)
        return self._fit.axes

    @property
    def channels(self) -> int:
        """The number of channels of the image."""
        return self.image.shape[self.axes.index("C")] if "C" in self.axes else 1

    @cached_property
    def classes(self) -> np.ndarray:
        """The class of each pixel, uint8: 0 background, 1…, 255 unlabelled."""
        palette = self._palette()
        return _frozen(self._code.classes(palette.values)[palette.indices])

    @cached_property
    def objects(self) -> np.ndarray:
        """The object at each pixel, int32: 0 none.

        With ``ids='objects'`` objects have the painted values, or are numbered from 1 where a
        value is beyond int32. With ``ids='classes'`` they are the connected pieces of foreground,
        of whatever class: pixels are connected along the axes, in a plane or, with a Z axis, in
        the volume. Parts of different classes that touch are one object: no background lies
        between them that could be learned as a separation.
        """
        if self._code.instances:
            palette = self._palette()
            return _frozen(self._code.objects(palette.values)[palette.indices])
        foreground = (self.classes > 0) & ~self.unlabelled
        axes = spatial_axes(self.axes)
        return _frozen(ConnectedRegions.of(foreground.view(np.uint8), axes, diagonal=False).indices)

    @cached_property
    def unlabelled(self) -> np.ndarray:
        """Whether each pixel is unlabelled; such a pixel weighs nothing."""
        return _frozen(self.classes == UNLABELLED)

    @cached_property
    def class_count(self) -> int:
        """The number of classes up to the highest painted one, background included."""
        painted = np.flatnonzero(np.bincount(self.classes.ravel(), minlength=256)[:UNLABELLED])
        return int(painted.max(initial=0)) + 1

    def check(self) -> list[Finding]:
        """Say what is wrong, where, and how to mend it, the gravest first; never raises."""
        return list(self._findings)

    @cached_property
    def _findings(self) -> tuple[Finding, ...]:
        return tuple(check(self.image, self.labels, self._fit, self._code))

    def _palette(self) -> LabelTable:
        """Return what is painted, or say why it cannot be understood."""
        _refuse(self._fit.findings)
        palette = LabelTable.of(self.labels)
        _refuse(value_findings(palette, self._code))
        return palette


def _refuse(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if finding.severity == "error":
            raise ValueError(str(finding))


def _snapshot(name: str, pixels: ArrayLike) -> np.ndarray:
    """Return ``pixels`` as an array that nobody can change any more."""
    if np.ma.is_masked(pixels):
        raise TypeError(f"the {name} are a masked array: fill it first, as in array.filled(0)")
    try:
        array = np.asarray(pixels)
    except (ValueError, TypeError) as error:
        raise TypeError(f"the {name} cannot be read as an array of numbers: {error}") from None
    return _frozen(np.array(array, order="C") if _changeable(array) else array)


def _changeable(array: np.ndarray) -> bool:
    """Whether someone may write to the memory of ``array``."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if base.flags["W"]:
            return True
        base = base.base
    return False


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
