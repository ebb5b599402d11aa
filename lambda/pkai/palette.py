"""Colours of pictures: Okabe and Ito's palette, told apart with any colour vision."""

INK, FAINT = "#222222", "#8a8a8a"
OWN, STRONG, WEAK = "#0072B2", "#009E73", "#D55E00"
