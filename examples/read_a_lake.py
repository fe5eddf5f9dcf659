# %% [markdown]
# # Read a lake in a notebook
#
# Cells as VS Code, Spyder and Jupytext read them; or run it whole:
# `python examples/read_a_lake.py [FOLDER]`.

# %%
"""A notebook as a script: rows, SQL, clusters, figures, and the widget."""

import sys
from pathlib import Path

from simulated import simulated_lake

from forcedflow import notebook

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
folder.mkdir(parents=True, exist_ok=True)
lake, instrument, end_ms = simulated_lake(folder / "notebook-lake")
asked = {"venue": instrument.venue, "at": end_ms}

# %% Rows of one table, for pandas where you like that better
rows = notebook.table(lake, "open_interest", instrument.symbol, venue=instrument.venue)
print(rows.to_pandas().tail(3))

# %% The same lake by SQL, as of its middle: nothing later is seen
then = notebook.connect(lake, at=end_ms - 86_400_000)
print(then.query("SELECT count(*) AS rows, max(event_time) AS newest FROM open_interest").rows)

# %% The map: in a notebook this shows itself as a table
market = notebook.heatmap(lake, instrument.symbol, **asked, span="24h")
print(market.zones)

# %% A figure that can be zoomed, without any server
figure = folder / "ladder.html"
notebook.ladder_figure(market.mapped).write_html(figure)
print(f"wrote {figure}")

# %% [markdown]
# In a notebook, `market.widget()` in a cell of its own is the dashboard's chart.
