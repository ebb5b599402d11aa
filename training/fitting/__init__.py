"""How a network learns from the ladder: settings, batches, augmentation, losses and the training loop."""
