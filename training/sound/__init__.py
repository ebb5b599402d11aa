"""From notes to recordings: pianos, rendering, and the rooms, microphones and codecs that recordings are made with."""
