"""What is done before something is shut down, and what a person who comes back is told of it."""
