"""The simulation of future ticks on which every prediction is based."""
