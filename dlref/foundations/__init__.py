"""What a network is: tensors, linear classifiers, the multilayer perceptron."""
