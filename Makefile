# Targets are real files; `make` alone lists what there is to do.
PROFILE ?= sample
# the one that the profile names
DATASET ?= $(shell sed -n 's/^dataset: *//p' notebooks/profiles/$(PROFILE).yaml)
DEVICE  ?= auto
FER2013 ?=

PYTHON3 ?= python3
PYTHON  ?= .venv/bin/python
# what is computed anew lies apart: committed runs would count as finished
ifeq ($(PROFILE),full)
  export FER_HOME ?= $(CURDIR)/full
endif
WHERE   := $(or $(FER_HOME),.)
OUT     := $(WHERE)/results/$(DATASET)/notebooks
PACKAGE := $(shell find fer_utils -name "*.py")
READY   := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/ready)
# a source that is named is read, also where there is a store; from the environment, by `make data`
ASKED   := $(or $(findstring command,$(origin FER2013)),$(filter data,$(MAKECMDGOALS)))
NAMED   := $(if $(and $(FER2013),$(ASKED)),FORCE)
STORE   := $(if $(filter sample,$(DATASET)),,$(WHERE)/data/$(DATASET)/dataset.json)
SOURCES := $(sort $(wildcard notebooks/*.ipynb))
PAGES   := $(SOURCES:notebooks/%.ipynb=$(OUT)/%.html)
COMPUTED := $(OUT)/02_cnn.ipynb $(OUT)/03_transfer_learning.ipynb $(OUT)/06_three_emotions.ipynb

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help all notebooks-html data test verify lab bench gpu report outputs clean tex FORCE

help:  ## this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: PROFILE=sample|fer2013|full  FER2013=zip, folder or CSV  DEVICE=auto|cpu|cuda|mps"
	@echo "             DATASET=name of the data set, if not the profile's  PYTHON=python (no .venv)"

all: tex $(OUT)/00_start.ipynb $(COMPUTED) $(OUT)/04_focal_vs_cross_entropy.ipynb $(OUT)/05_evaluation.ipynb $(OUT)/07_best_model.ipynb report  ## notebooks, results and report/report.pdf
	@echo "report/report.pdf is built from results/$(DATASET); executed notebooks are in $(OUT)"

notebooks-html: $(PAGES)  ## the executed notebooks as web pages, beside them
	@echo "open $(OUT)/00_start.html"

data: $(WHERE)/data/fer2013/dataset.json  ## fetch FER2013 from Kaggle (or read FER2013=path) and prepare it

test: $(READY)  ## unit tests, then nbval over the notebooks
	$(PYTHON) -m pytest -n auto --dist loadfile
	$(PYTHON) -m pytest --nbval-lax notebooks/01_preprocessing.ipynb notebooks/02_cnn.ipynb \
	  notebooks/03_transfer_learning.ipynb notebooks/06_three_emotions.ipynb
	$(PYTHON) -m pytest --nbval notebooks/00_start.ipynb notebooks/04_focal_vs_cross_entropy.ipynb \
	  notebooks/05_evaluation.ipynb notebooks/07_best_model.ipynb

verify: $(READY)  ## every score of the FER2013 study anew from its logits; writes its certificate.json
	$(PYTHON) -m fer_utils verify --dataset fer2013

lab: $(READY)  ## JupyterLab in notebooks/
	$(PYTHON) -m jupyterlab --notebook-dir=notebooks

bench: $(READY) $(WHERE)/data/fer2013/dataset.json  ## everything that is timed, and the bars it must clear
	@for script in epoch prepare roofline transfer many growth whole scale bars; do \
	  echo "== $$script"; $(PYTHON) benchmarks/$$script.py || exit 1; done

gpu:  ## with an NVIDIA GPU: both reports' studies, dedupe, best and benchmarks, with what PYTHON3 has installed
	sh benchmarks/gpu.sh "$(FER2013)" $(PYTHON3)

report: $(WHERE)/results/$(DATASET)/report.pdf  ## the PDF alone
	@[ report/report.pdf -nt "$<" ] || cp "$<" report/report.pdf

outputs: $(READY)  ## bring committed outputs up to date: README, notebooks in place
	$(PYTHON) -m fer_utils.reporting.readme
	$(PYTHON) -m nbconvert --to notebook --execute --inplace $(SOURCES)
	$(PYTHON) -m nbstripout --keep-output --keep-count --keep-id --extra-keys \
	  "metadata.papermill cell.metadata.papermill cell.metadata.execution metadata.language_info" $(SOURCES)

clean:  ## away with what can be made again (data/ and the committed study stay)
	rm -rf report/generated report/build report/report.pdf .pytest_cache .ruff_cache
	rm -rf "$(WHERE)/results/sample" "$(WHERE)/data/sample" "$(WHERE)"/results/*/notebooks

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON3) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python >= 3.11 with venv is needed: apt-get install python3-venv, or make PYTHON3=python3.12 ..." >&2; exit 1; }
	$(PYTHON3) -m venv .venv
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(WHERE)/data/%/dataset.json: $(NAMED) | $(READY)
	$(PYTHON) -m fer_utils prepare $(if $(FER2013),"$(FER2013)") --name $*

$(OUT)/%.ipynb: notebooks/%.ipynb notebooks/profiles/$(PROFILE).yaml $(PACKAGE) | $(READY) $(STORE)
	$(PYTHON) -m fer_utils.reporting.notebooks $* $(PROFILE) dataset=$(DATASET) device=$(DEVICE)

$(OUT)/%.html: $(OUT)/%.ipynb
	$(PYTHON) -m fer_utils.reporting.notebook_pages "$<"

# in this order: 01 draws the sample and audits, 02, 03 and 06 compute, 00, 04 and 05 read
$(OUT)/00_start.ipynb: $(OUT)/01_preprocessing.ipynb
$(OUT)/02_cnn.ipynb: $(OUT)/01_preprocessing.ipynb
$(OUT)/03_transfer_learning.ipynb: $(OUT)/02_cnn.ipynb
$(OUT)/06_three_emotions.ipynb: $(OUT)/03_transfer_learning.ipynb
$(OUT)/04_focal_vs_cross_entropy.ipynb $(OUT)/05_evaluation.ipynb: $(OUT)/02_cnn.ipynb

# the PDF waits for the notebooks only where nothing has been computed yet
RESULTS := $(wildcard $(WHERE)/results/$(DATASET)/studies/*.json $(WHERE)/results/$(DATASET)/audit/*.csv)
$(WHERE)/results/$(DATASET)/report.pdf: $(or $(RESULTS),$(COMPUTED)) $(PACKAGE) \
		report/main.tex report/references.bib $(wildcard report/sections/*.tex) | $(READY) tex
	$(PYTHON) -m fer_utils report --dataset $(DATASET)

TEX := latexmk texlive-latex-extra texlive-fonts-recommended lmodern
tex:
	@command -v latexmk >/dev/null || command -v tectonic >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing LaTeX"; apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(TEX) >/dev/null; \
	  else echo "LaTeX is missing: sudo apt-get install $(TEX), or conda install -c conda-forge tectonic" >&2; exit 1; fi; }
