# Two commands: 'make book' and 'make test'. Needs Python 3.11 with venv, make and git; all else is in requirements.lock.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
STUDY ?= book/studies/quick.toml
BIN := .venv/bin

.PHONY: book test browser lab pdf lint format notebooks pretrained picture clean
.DEFAULT_GOAL := book

# One recipe for the environment, made again when what it was made from changes.
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info[:2] == (3, 11) else \
	"requirements.lock is for Python 3.11, and $(PYTHON) is " + v + "; install Python 3.11 or say where it is: make PYTHON=PATH")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Compute the study, then render and check the book; prints the path of its first page.
book: .venv/installed
	$(BIN)/lvmass book $(STUDY)

# Two processes, each of which takes what the other has not begun.
test: .venv/installed
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# The pages of the built book in a real browser. Of the package that carries the checker axe-core nothing else is needed.
.venv/browser: .venv/installed
	$(BIN)/python -m pip install --quiet --no-deps axe-playwright-python==0.1.8
	touch $@

browser: .venv/browser
	@test -d _build/html || { echo "there is no book yet; run 'make book' first"; exit 1; }
	@{ command -v chromium && command -v chromedriver; } > /dev/null || { echo "needs chromium and chromedriver; Debian: apt-get install chromium chromium-driver"; exit 1; }
	LVMASS_PAGES=_build/html $(BIN)/python -m pytest tests/browser --numprocesses 2

# JupyterLab on the chapters and the study that STUDY names; a notebook and its script stay in step.
.venv/lab: .venv/installed requirements-lab.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-lab.lock --constraint requirements.lock
	touch $@

lab: .venv/lab
	LVMASS_STUDY=$(abspath $(STUDY)) $(BIN)/jupyter-lab --notebook-dir=. --LabApp.default_url=/lab/tree/book/01_data.ipynb $(LAB_OPTIONS)

# The built book as one PDF, a page after the other.
pdf:
	@test -d _build/html || { echo "there is no book yet; run 'make book' first"; exit 1; }
	@{ command -v chromium && command -v pdfunite; } > /dev/null || { echo "needs chromium and pdfunite; Debian: apt-get install chromium poppler-utils"; exit 1; }
	mkdir -p _build/pdf/book
	set -e; pages="$$(sed -n 's/.*\(root\|file\): *//p' _toc.yml)"; for page in $$pages; do \
	chromium --headless=new --no-sandbox --no-pdf-header-footer --print-to-pdf=_build/pdf/$$page.pdf \
	file://$(CURDIR)/_build/html/$$page.html 2> /dev/null; done; \
	pdfunite $$(printf "_build/pdf/%s.pdf " $$pages) _build/lvmass.pdf
	@echo _build/lvmass.pdf

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# After editing a chapter: bring its notebook in line with the percent script, which is the source.
notebooks: .venv/installed
	touch book/*.py
	$(BIN)/jupytext --sync book/[0-9]*.py

# The small model that 'lvmass predict' uses.
pretrained: .venv/installed
	$(BIN)/lvmass run book/studies/pretrained.toml --save-model lvmass/pretrained

# The picture in README.md: published numbers beside those kept of the study at the paper's size.
picture: .venv/installed
	cd book && ../$(BIN)/python -c "from lvmass.report import figures, intro, published as p; from lvmass.report.words import printed; \
	kept = p.kept('paper_size/paper')[0]; large = {p.PAPER_SIZE: p.over_folds(kept, 'elvmass-net')}; \
	ticks = {printed(name): p.over_folds(kept, name) for name in intro.BASELINES}; \
	open('_static/result.svg', 'w').write(figures.beside_published(large, 'Mean ± SD over folds', ticks).svg())"

clean:
	rm -rf _build book/studies/results book/studies/people book/studies/.lvmass
