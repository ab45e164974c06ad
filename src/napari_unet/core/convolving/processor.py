"""Processor: what the one that loops are compiled for can do."""

from llvmlite import binding
from numba.core import config


def has(feature: str) -> bool:
    """Tell whether it has a feature, by LLVM's name; numba may have been told to do without."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in config.CPU_FEATURES.split(",")
    return config.CPU_NAME is None and binding.get_host_cpu_features().get(feature, False)
