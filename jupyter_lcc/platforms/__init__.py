"""Where are we, what persists here, how is this machine stopped: one small file each, chosen by pure predicates."""
