"""What host and agent both know: names, errors, commands as values, invites and status records. Standard library only."""
