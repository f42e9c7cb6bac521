"""Verbs: one use case a file. They take a Machine, return frozen results and print nothing."""
