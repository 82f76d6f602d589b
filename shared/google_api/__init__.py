"""What the rooms that speak to Google's APIs have in common."""
