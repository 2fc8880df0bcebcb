"""What to train with: losses, decays and samplers that know the class counts."""
