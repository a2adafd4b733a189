"""The faces of a world: Gymnasium (`single`), Gymnasium vector (`vector`), SB3 (`sb3`).

Each drives the same batched dynamics; they differ only in who resets a finished episode and when.
"""
