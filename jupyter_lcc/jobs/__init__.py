"""Long work: queued, run one at a time per key, told about, cancelled; it survives a reload and a restart."""
