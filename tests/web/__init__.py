"""What Apache and PHP serve, on containers of the images alone: no agent, no compose file."""
