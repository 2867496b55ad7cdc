"""The policy document: an administrator's limits by user, machine and time, from a file, S3 or an SSM parameter."""
