"""The schema's history, run by Alembic when a store is opened. Never edit a released one."""
