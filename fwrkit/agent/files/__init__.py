"""Files of worlds: system calls, trees opened beneath their root, patterns of what never travels."""
