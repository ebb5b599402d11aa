"""P-KAI's training: from MIDI and recordings to the weights, calibration and references in `model/`."""
