"""Package lists: what an environment is to hold, said once and shared through a directory, S3 or git."""
