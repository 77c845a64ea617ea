"""The state of the house, and the switch between dark and light."""
