"""The built-in tasks, one file each, every file with one ``TASK``."""
