"""PostgreSQL: several gateways, one database. Only who uses it loads the driver."""
