"""Writes the tables of the quick start as pandas, R, a workbook and numpy have them.

Needs numpy, pandas and openpyxl. `r.csv` is written as `write.csv(df, "r.csv")` of R does.
"""

import numpy as np
import openpyxl
import pandas as pd

rng = np.random.default_rng(3)
n = 200
y = (rng.random(n) < 0.2).astype(int)
shared = rng.normal(size=n)
columns = {}
for name, strength in [("svm", 0.8), ("forest", 1.2), ("boosting", 1.0)]:
    logit = -1.6 + strength * (2 * y - 1) + 0.6 * shared + rng.normal(size=n)
    columns[name] = np.round(1 / (1 + np.exp(-logit)), 4)
df = pd.DataFrame(columns)

labeled = df.copy()
labeled.insert(0, "target", y)
labeled.to_csv("pandas.csv")

with open("r.csv", "w") as file:
    file.write('"","Class",' + ",".join(f'"{name}"' for name in df.columns) + "\n")
    for i, row in enumerate(df.itertuples(index=False)):
        cells = [str(value) if rng.random() > 0.02 else "NA" for value in row]
        file.write(f'"{i + 1}","{"fraud" if y[i] else "legit"}",' + ",".join(cells) + "\n")

book = openpyxl.Workbook()
sheet = book.active
sheet["A1"] = "Scores of the quarter"
header = ["Customer", "churned", *df.columns]
for j, name in enumerate(header, 1):
    sheet.cell(3, j, name)
for i in range(n):
    values = [f"K-{i + 1:04d}", bool(y[i]), *map(float, df.iloc[i])]
    for j, value in enumerate(values, 1):
        sheet.cell(4 + i, j, value)
book.save("excel.xlsx")

np.savez_compressed("numpy.npz", P=df.to_numpy(), y=y)
