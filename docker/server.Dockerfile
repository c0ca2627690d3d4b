# One recipe under one system: what these two require, and nothing of the load or the report.
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ARG RECIPE
# Who serves the recipe that is loaded, CHOSEN; the other one is served by the default, whatever that is.
ARG SYSTEM=fastdeploy
ARG VARIANT=
ARG CHOSEN=
# Where pip is to look besides its own index: PyTorch's index of CPU builds makes that image 2 GB smaller.
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
# Versions of what the requirements need in turn.
ARG CONSTRAINTS=constraints.txt
COPY constraints.txt ./
COPY recipes/${RECIPE}/*.txt recipes/${RECIPE}/
COPY systems/DEFAULT systems/fastdeploy/*.txt systems/default/
COPY systems/${SYSTEM}/*.txt systems/${SYSTEM}/
# What a system needs besides Python's packages; then the versions that are pinned here, where they can be had with it.
RUN if [ "${RECIPE}" = "${CHOSEN:-$RECIPE}" ]; then system=${SYSTEM}; named="${SYSTEM}${VARIANT}"; \
    else system=default; named=$(cat systems/default/DEFAULT); fi \
 && echo "$named" > /named \
 && if [ -f systems/$system/packages.txt ]; then apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends $(cat systems/$system/packages.txt) \
    && rm -rf /var/lib/apt/lists/*; fi \
 && export PIP_ROOT_USER_ACTION=ignore \
 && install="pip install --no-cache-dir --disable-pip-version-check --use-pep517 \
      -r systems/$system/requirements.txt -r recipes/${RECIPE}/requirements.txt" \
 && { $install -c ${CONSTRAINTS} || $install; } \
 && useradd --create-home --uid 1000 serve \
 && mkdir /results && chown serve /results

COPY servecost servecost
COPY systems systems
COPY baseline baseline
COPY docker/serve.py docker/
COPY recipes/${RECIPE} recipes/${RECIPE}
# The system that is taken where none is named is the one that this image has.
RUN mv /named systems/DEFAULT

USER serve
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=3s --timeout=3s --start-period=30m --retries=3 CMD ["test", "-f", "/tmp/server-is-ready"]
ENTRYPOINT ["python", "docker/serve.py"]
