"""What a practitioner reads off a minimiser: which classes keep a direction, and at which weight decay one dies."""
