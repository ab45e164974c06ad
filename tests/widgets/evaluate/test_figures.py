"""The kinds of errors are told apart by their colours, by people who see fewer of them, too."""

from itertools import combinations

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_unet.widgets.evaluate.figures import ERRORS

# Machado et al. 2009, severity 1, for linear RGB
VISION = {
    "all colours": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def test_no_two_kinds_look_alike():
    coded = np.array([[int(e.color[i : i + 2], 16) / 255 for i in (1, 3, 5)] for e in ERRORS])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    for vision, matrix in VISION.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        screen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
        lab = rgb2lab(screen[None])[0]
        for (one, a), (other, b) in combinations(zip(ERRORS, lab, strict=True), 2):
            apart = float(deltaE_ciede2000(a, b))
            assert apart > 20, (vision, one.name, other.name, apart)  # 2 can just be told apart
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (luminance + 0.05).min() / 0.05 > 2, "a kind is not seen on black"
