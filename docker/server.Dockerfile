# One recipe under one system: what these two require, and nothing of the load or the report.
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ARG RECIPE
ARG SYSTEM=fastdeploy
# Where pip is to look besides its own index: PyTorch's index of CPU builds makes that image 2 GB smaller.
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
# Versions of what the requirements need in turn.
ARG CONSTRAINTS=constraints.txt
COPY constraints.txt ./
COPY recipes/${RECIPE}/*.txt recipes/${RECIPE}/
COPY systems/${SYSTEM}/requirements.txt systems/${SYSTEM}/
RUN PIP_ROOT_USER_ACTION=ignore pip install --no-cache-dir --disable-pip-version-check --use-pep517 \
      -r systems/${SYSTEM}/requirements.txt -r recipes/${RECIPE}/requirements.txt -c ${CONSTRAINTS} \
 && useradd --create-home --uid 1000 serve \
 && mkdir /results && chown serve /results

COPY servecost servecost
COPY systems systems
COPY baseline baseline
COPY docker/serve.py docker/
COPY recipes/${RECIPE} recipes/${RECIPE}

USER serve
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=3s --timeout=3s --start-period=30m --retries=3 CMD ["test", "-f", "/tmp/server-is-ready"]
ENTRYPOINT ["python", "docker/serve.py"]
