"""The study: its file, its tasks, the store, and `Study`, which ties the other rooms together."""
