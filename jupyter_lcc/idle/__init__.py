"""What is idle, until when it may run, who shuts it down, and why."""
