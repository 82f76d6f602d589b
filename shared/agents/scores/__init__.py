"""Every number of the Profile Audit, computed from an account's records and nothing else. No input or output here."""
