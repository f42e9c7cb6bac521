"""`make bench`: how fast, how dear; each figure beside a baseline that was measured in the same run."""
