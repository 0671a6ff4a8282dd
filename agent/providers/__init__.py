"""Models behind one protocol: hosted, local and scripted."""
