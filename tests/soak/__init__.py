"""`make soak`: a server and three clients, edits and faults without a pause, and what became of memory, latency and state meanwhile."""
