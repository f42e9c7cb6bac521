"""The command line: one verb a file, and one place that prints."""
