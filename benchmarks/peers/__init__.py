"""What a user would run instead of jupyter_lcc."""
