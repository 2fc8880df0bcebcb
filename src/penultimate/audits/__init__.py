"""A trained network against its forecast: its features and last layer, or its head alone."""
