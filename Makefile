# Targets are real files; `make` alone lists what there is to do.
PROFILE ?= sample
DEVICE  ?= auto
FER2013 ?=

PYTHON  ?= .venv/bin/python
DATASET := $(PROFILE)
OUT     := results/$(DATASET)/notebooks
PACKAGE := $(wildcard fer_utils/*.py)
READY   := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/ready)
STORE   := $(if $(filter sample,$(DATASET)),,data/$(DATASET)/dataset.json)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help all data test lab bench report clean outputs tex

help:  ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-8s %s\n", $$1, $$2}'
	@echo "  variables: PROFILE=sample|fer2013  FER2013=zip, folder or CSV  DEVICE=auto|cpu|cuda|mps  PYTHON=python (no .venv)"

all: report $(OUT)/04_focal_vs_cross_entropy.ipynb $(OUT)/05_evaluation.ipynb  ## notebooks, results and report/report.pdf
	@echo "report/report.pdf is built from results/$(DATASET); executed notebooks are in $(OUT)"

data: data/fer2013/dataset.json  ## fetch FER2013 from Kaggle (or read FER2013=path) and prepare it

test: $(READY)  ## unit tests, then nbval over the notebooks
	$(PYTHON) -m pytest
	$(PYTHON) -m pytest --nbval-lax notebooks/01_preprocessing.ipynb notebooks/02_cnn.ipynb
	$(PYTHON) -m pytest --nbval notebooks/04_focal_vs_cross_entropy.ipynb notebooks/05_evaluation.ipynb

lab: $(READY)  ## JupyterLab in notebooks/
	$(PYTHON) -m jupyterlab --notebook-dir=notebooks

bench: $(READY) data/fer2013/dataset.json  ## report A's loop beside ours, timed in one run
	$(PYTHON) benchmarks/epoch.py $(FER2013)

report: results/$(DATASET)/report.pdf  ## the PDF alone
	@cp $< report/report.pdf

clean:  ## away with what can be made again (data/ and the committed study stay)
	rm -rf report/generated report/build report/report.pdf results/sample data/sample .pytest_cache .ruff_cache
	rm -rf results/*/notebooks

NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
outputs: $(READY)  ## bring committed outputs up to date: notebooks in place, README
	$(PYTHON) -m fer_utils.readme
	$(PYTHON) -m nbconvert --to notebook --execute --inplace $(NOTEBOOKS)
	$(PYTHON) -m nbstripout --keep-output --keep-count --keep-id --extra-keys "metadata.papermill cell.metadata.papermill cell.metadata.execution metadata.language_info" $(NOTEBOOKS)

.venv/ready: requirements.lock pyproject.toml
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

data/fer2013/dataset.json: | $(READY)
	$(PYTHON) -m fer_utils prepare $(FER2013) --name fer2013

$(OUT)/%.ipynb: notebooks/%.ipynb notebooks/profiles/$(PROFILE).yaml $(PACKAGE) | $(READY) $(STORE)
	$(PYTHON) -m fer_utils.notebooks $* $(PROFILE) $(DEVICE)

# what reads the results waits for what makes them
$(OUT)/04_focal_vs_cross_entropy.ipynb $(OUT)/05_evaluation.ipynb: $(OUT)/01_preprocessing.ipynb $(OUT)/02_cnn.ipynb

results/$(DATASET)/report.pdf: $(OUT)/01_preprocessing.ipynb $(OUT)/02_cnn.ipynb $(PACKAGE) \
		report/main.tex report/references.bib $(wildcard report/sections/*.tex) | tex
	$(PYTHON) -m fer_utils report --dataset $(DATASET)

TEX := latexmk texlive-latex-extra texlive-fonts-recommended lmodern
tex:
	@command -v latexmk >/dev/null || command -v tectonic >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing LaTeX"; apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX) >/dev/null; \
	  else echo "LaTeX is missing: sudo apt-get install $(TEX), or conda install -c conda-forge tectonic" >&2; exit 1; fi; }
