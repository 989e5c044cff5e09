"""Drawing: results in, a figure with its alternative text out; nothing is computed here that a table would need."""
