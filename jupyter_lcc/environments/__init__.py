"""Conda environments under the home directory, registered as kernels."""
