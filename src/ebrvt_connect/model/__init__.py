"""What the province talks about: frozen values without I/O and without wire names."""
