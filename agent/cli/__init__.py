"""The command line: click commands, and what people and programs see of a session."""
