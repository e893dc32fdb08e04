"""Requests and responses, the client that carries them, and secrets kept out of reports."""
