"""What the folder `model/` holds: exported networks with their weights, Grad-CAM, and the reference performances."""
