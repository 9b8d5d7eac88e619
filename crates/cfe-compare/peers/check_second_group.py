"""Checks that the second group of development sets follows from its rule, which second_group.py says.

    python check_second_group.py      # checks each candidate, and prints what was chosen
"""

import hashlib

from make_tables import design, load
from second_group import CANDIDATES, DULL, LARGER, SMALL
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict


def order(name):
    return hashlib.sha256(name.encode()).hexdigest()


def main():
    small, larger, dull = [], [], []
    for name in sorted(CANDIDATES, key=order):
        frame, labels = load(name)
        x = design(frame, range(len(labels)))
        forest = RandomForestClassifier(40, min_samples_leaf=2, random_state=0)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        scores = cross_val_predict(forest, x, labels, cv=folds, method="predict_proba")[:, 1]
        area, precision = roc_auc_score(labels, scores), average_precision_score(labels, scores)
        positives = int(labels.sum())
        (dull if area < 0.6 or precision > 0.98 else small if 30 <= positives <= 100 else larger).append(name)
        print(f"{name}: {len(labels)} rows, {positives} positives, {x.shape[1]} columns; {area:.3f}, {precision:.3f}", flush=True)
    print("left out:", sorted(dull))
    print("small:", small[:24], "not taken:", small[24:])
    print("larger:", larger[:22], "not taken:", larger[22:])
    if (sorted(dull), small[:24], larger[:22]) != (DULL, SMALL, LARGER):
        raise SystemExit("the lists of second_group.py are not those of the rule")


if __name__ == "__main__":
    main()
