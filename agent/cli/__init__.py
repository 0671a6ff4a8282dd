"""The terminal: commands, and what a person sees of a session."""
