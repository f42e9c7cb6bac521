"""Adapters: each file speaks to one thing outside (Docker Engine, Compose, the agent, files, ports) and knows no verb."""
