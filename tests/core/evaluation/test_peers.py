"""Against figures of stardist, cellpose, py-ctcmetrics, torchmetrics and scikit-image on real data.

``benchmarks/evaluation.py --freeze`` asks the peers and writes peers.json; here the same images
are scored again.
"""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
FROZEN = json.loads((Path(__file__).parent / "peers.json").read_text(encoding="utf-8"))

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data beside the checkout"),
]


@pytest.fixture(scope="module")
def questions():
    path = ROOT / "benchmarks" / "evaluation.py"
    spec = importlib.util.spec_from_file_location("evaluation_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.QUESTIONS


@pytest.mark.parametrize("question", ["objects", "classes", "partition"])
def test_our_figures_are_the_peers_to_a_billionth(questions, question):
    scenes, own, peers = questions[question]
    compared = 0
    for name, truth, result in scenes():
        ours = own(truth, result)
        for peer in peers:
            figures = FROZEN[peer][name]
            assert set(figures) <= set(ours)
            for measure, figure in figures.items():
                assert ours[measure] == pytest.approx(figure, rel=0, abs=1e-9), (peer, measure)
            compared += len(figures)
    assert compared > {"objects": 300, "classes": 90, "partition": 11}[question]
