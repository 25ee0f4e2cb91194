"""How a network does on data that it has not seen, and what helps."""
