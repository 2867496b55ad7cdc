"""Where package lists are kept: a directory, S3, a git checkout."""
