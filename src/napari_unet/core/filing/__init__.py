"""Filing: an image file segmented into files, in steps that can be stopped and resumed."""
