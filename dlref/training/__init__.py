"""How a network learns: activations, losses, backpropagation."""
