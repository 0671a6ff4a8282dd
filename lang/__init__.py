"""What Bactrian knows of programming languages. Pure: gives commands to run, parses what came out."""
