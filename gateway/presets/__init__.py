"""What is known of some apps, one TOML file each. Data, no code."""
