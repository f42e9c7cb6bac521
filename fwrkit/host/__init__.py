"""What runs on the operator's machine: the command line, its verbs, and the adapters to Docker and the file system."""
