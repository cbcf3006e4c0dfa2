"""The environment of Alembic: run by `flask db …`, and by a start that finds the database outdated."""

from alembic import context

from models.database.base import db
from models.database.schema import changing_schema, is_modelled


def run() -> None:
    """Run the migrations in one transaction, while no other process runs them."""
    with changing_schema() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_type=True,
            include_name=is_modelled,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        context.run_migrations()


run()
