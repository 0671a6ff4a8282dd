"""Many sessions at once: what each has to do, running them, and what is wrong with what they leave."""
