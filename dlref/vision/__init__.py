"""Networks that see: convolution, the architectures that it made, and what else one can do with their features."""
