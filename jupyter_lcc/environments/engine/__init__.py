"""The engine: solves and installs conda packages, in a process of its own. Only here rattler is imported."""
