"""What the model can call: one module a tool, over a container and the languages."""
