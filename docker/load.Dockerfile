# The load generator: Locust as a master or as a worker. No model library.
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

WORKDIR /app
COPY constraints.txt ./
COPY locustfiles/requirements.txt locustfiles/
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
      -r locustfiles/requirements.txt -c constraints.txt \
 && useradd --create-home --uid 1000 load \
 && mkdir /results && chown load /results

COPY docker/healthy docker/
COPY servecost servecost
COPY systems systems
COPY recipes recipes
COPY locustfiles locustfiles

USER load
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["locust"]
