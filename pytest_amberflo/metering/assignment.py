"""The cheapest way to give every row a column of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What no sum of costs comes near to.
FORBIDDEN: Final = 10**12


def assign(costs: Sequence[Sequence[int]]) -> list[int]:
    """The column of each row; no column is given twice, and the sum of costs is the least.

    There must be at least as many columns as rows. The Hungarian method, with one shortest
    augmenting path for each row: the square of the rows times the columns at worst.
    """
    if not costs:
        return []
    width = len(costs[0])
    row_of = [-1] * width
    row_price = [0] * len(costs)
    column_price = [0] * width
    for row in range(len(costs)):
        _augment(row, costs, row_of, row_price, column_price)
    columns = [-1] * len(costs)
    for column, row in enumerate(row_of):
        if row >= 0:
            columns[row] = column
    return columns


def _augment(
    row: int,
    costs: Sequence[Sequence[int]],
    row_of: list[int],
    row_price: list[int],
    column_price: list[int],
) -> None:
    """Give a row a column; rows that have one may get another."""
    width = len(row_of)
    least = [FORBIDDEN * 4] * width
    came_from = [-1] * width
    visited: list[int] = []
    is_visited = [False] * width
    current, column = row, -1
    while True:
        price = row_price[current]
        best, delta = -1, FORBIDDEN * 8
        for candidate in range(width):
            if is_visited[candidate]:
                continue
            reduced = costs[current][candidate] - price - column_price[candidate]
            if reduced < least[candidate]:
                least[candidate] = reduced
                came_from[candidate] = column
            if least[candidate] < delta:
                best, delta = candidate, least[candidate]
        row_price[row] += delta
        for seen in visited:
            row_price[row_of[seen]] += delta
            column_price[seen] -= delta
        for candidate in range(width):
            if not is_visited[candidate]:
                least[candidate] -= delta
        visited.append(best)
        is_visited[best] = True
        column = best
        if row_of[best] < 0:
            break
        current = row_of[best]
    _turn_over(row, column, came_from, row_of)


def _turn_over(row: int, column: int, came_from: list[int], row_of: list[int]) -> None:
    """Hand on every column of a path to the row before it; the first goes to `row`."""
    while column >= 0:
        before = came_from[column]
        row_of[column] = row if before < 0 else row_of[before]
        column = before
