"""Use cases that write: the only place where the rooms meet."""
