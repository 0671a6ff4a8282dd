"""The tool-calling loop and its faces."""
