"""Where model-written commands run: one protocol, and the sandboxes that implement it."""
