"""What travels between a citizen and the server: frames, messages, channels."""
