# One recipe, served by fastDeploy: the recipe's own requirements, and nothing of the load or the analysis.
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ARG RECIPE
# Where pip is to look besides its own index: PyTorch's index of CPU builds makes that image 2 GB smaller.
ARG PIP_EXTRA_INDEX_URL
WORKDIR /app
# Versions of what the requirements need in turn.
ARG CONSTRAINTS=requirements.txt
COPY requirements.txt constraints.txt ./
COPY recipes/${RECIPE}/*.txt recipes/${RECIPE}/
RUN PIP_ROOT_USER_ACTION=ignore pip install --no-cache-dir --disable-pip-version-check --use-pep517 \
      "$(grep ^fastdeploy== requirements.txt)" -r recipes/${RECIPE}/requirements.txt -c ${CONSTRAINTS} \
 && useradd --create-home --uid 1000 serve \
 && mkdir /results && chown serve /results

COPY servecost servecost
COPY systems systems
COPY baseline baseline
COPY docker/serve.py docker/healthy docker/
COPY recipes/${RECIPE} recipes/${RECIPE}

USER serve
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=3s --timeout=3s --start-period=30m --retries=3 CMD ["docker/healthy", "8080", "/health"]
ENTRYPOINT ["python", "docker/serve.py"]
