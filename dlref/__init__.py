"""Reference implementations of deep learning, each checked against an independent one.

One module a topic: ``dlref.training.activations`` stands behind the page ``training/activations``.
"""
