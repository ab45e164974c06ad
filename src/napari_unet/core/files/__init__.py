"""Files: image and label files of every format read here, and files written whole or not at all."""
