"""Who holds which post: role changes told once, corroborated, contradicted and withdrawn."""
