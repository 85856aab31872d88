"""Writes he2017.json: hits and gains as the code of He et al. (2017) finds them.

    python3 lawn-models/goldens/he2017.py

`eval_one_rating`, `getHitRatio` and `getNDCG` are those of `evaluate.py` in
github.com/hexiangnan/neural_collaborative_filtering (Apache 2.0), with a table of scores in place
of the model, under Python 3, whose dictionaries keep the order in which items came.
"""

import heapq
import json
import math
from pathlib import Path

ITEMS, USERS, NEGATIVES, K = 60, 40, 20, 10


def eval_one_rating(scores, negatives, positive):
    items = list(negatives)
    items.append(positive)
    map_item_score = {}
    for item in items:
        map_item_score[item] = scores[item]
    ranklist = heapq.nlargest(K, map_item_score, key=map_item_score.get)
    return getHitRatio(ranklist, positive), getNDCG(ranklist, positive)


def getHitRatio(ranklist, gtItem):
    for item in ranklist:
        if item == gtItem:
            return 1
    return 0


def getNDCG(ranklist, gtItem):
    for i in range(len(ranklist)):
        item = ranklist[i]
        if item == gtItem:
            return math.log(2) / math.log(i + 2)
    return 0


def main():
    state = 1

    def below(bound):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % bound

    golden = {"items": ITEMS, "positives": [], "negatives": [], "scores": [], "hits": [], "ndcgs": []}
    for user in range(USERS):
        positive = below(ITEMS)
        # With repeats, and every third time with the positive among them.
        negatives = [below(ITEMS) for _ in range(NEGATIVES)]
        if user % 3 == 0:
            negatives[below(NEGATIVES)] = positive
        # Few values, so that many are equal.
        scores = [below(5) * 0.25 for _ in range(ITEMS)]
        hit, ndcg = eval_one_rating(scores, negatives, positive)
        for name, value in [
            ("positives", positive),
            ("negatives", negatives),
            ("scores", scores),
            ("hits", hit),
            ("ndcgs", ndcg),
        ]:
            golden[name].append(value)
    path = Path(__file__).parent / "he2017.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
