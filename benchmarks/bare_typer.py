"""The least that a program with commands can cost: two of them, and their help."""

import typer

app = typer.Typer()


@app.command()
def hello(name: str) -> None:
    """Greet somebody."""
    typer.echo(f"hello {name}")


@app.command()
def bye(name: str) -> None:
    """Take leave of somebody."""
    typer.echo(f"bye {name}")


app()
