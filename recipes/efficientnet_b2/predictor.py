"""EfficientNet-B2 (the ``efficientnet-pytorch`` library's own) on image files: the five most probable ImageNet classes.

Owns decoding, preprocessing, the choice of weights and how the network is executed. Environment variable
``EFFICIENTNET_B2_WEIGHTS``:

- unset or ``random``: weights drawn from a fixed seed. Prediction takes as long as with trained ones; its answers mean
  nothing.
- ``official``: the trained weights that upstream's ``from_pretrained`` downloads.
- anything else: the path of a local file with trained weights, in upstream's format.

Every answer names the weights that it was made with.

Environment variable ``EFFICIENTNET_B2_EXECUTION``: one of ``EXECUTIONS``, by default ``traced``; README.md says why.
"""

import io
import os

import numpy
import torch
from efficientnet_pytorch import EfficientNet
from PIL import Image

ARCHITECTURE = "efficientnet-b2"
# Each does what those before it do, and one thing more: the library as it is, tensors with the channels last, the
# network traced and frozen, and most of its arithmetic in bfloat16.
EXECUTIONS = ("plain", "channels_last", "traced", "bfloat16")
IMAGE_SIZE = EfficientNet.get_image_size(ARCHITECTURE)  # 260
SEED = 0
TOP = 5
# An image takes up to 28 MB while it is predicted. FastDeploy's start-up tuner tries batches of up to 1024 of them.
BATCH_SIZE_MAX = 512
# Channel means and deviations of ImageNet, for RGB in 0…1: what upstream's weights were trained with.
MEAN = numpy.array([0.485, 0.456, 0.406], dtype=numpy.float32)
DEVIATION = numpy.array([0.229, 0.224, 0.225], dtype=numpy.float32)


def random_model():
    """Return the network with seeded random weights whose answers depend on the image.

    As initialised, its signal fades from layer to layer and every image gets the same answer, so that a mixed-up
    answer could not be told from a right one. Normalisation statistics taken from seeded noise, as training would
    take them from images, keep the signal alive.
    """
    torch.manual_seed(SEED)
    model = EfficientNet.from_name(ARCHITECTURE, drop_connect_rate=0.0)
    torch.nn.init.normal_(model._fc.weight, std=0.3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # take over the statistics of the one batch that follows
    patches = torch.nn.functional.interpolate(torch.randn(8, 3, 8, 8), size=IMAGE_SIZE, mode="bicubic")
    with torch.no_grad():
        model.train()(patches + 0.3 * torch.randn_like(patches))
    return model


def load_model(weights):
    """Return ``(model, label)``: the network in evaluation mode, and what every answer says of its weights."""
    if weights in ("", "random"):
        model, label = random_model(), "random (seed {})".format(SEED)
    elif weights == "official":
        model, label = EfficientNet.from_pretrained(ARCHITECTURE), "official"
    elif os.path.isfile(weights):
        model = EfficientNet.from_pretrained(ARCHITECTURE, weights_path=weights)
        label = os.path.basename(weights)
    else:
        raise ValueError(
            "EFFICIENTNET_B2_WEIGHTS={!r} is not a file; give a file, 'official', or nothing for random weights".format(
                weights
            )
        )
    # The library's swish is written for training and keeps what a backward pass would need. Torch's own, in place, is
    # the same function with half the memory, and faster.
    for module in [model, *model._blocks]:
        module._swish = torch.nn.SiLU(inplace=True)
    return model.eval(), label


def executed(model, execution):
    """Return ``(call, memory_format)``: what predicts a batch, and the layout in memory that it wants of it."""
    if execution not in EXECUTIONS:
        raise ValueError(
            "EFFICIENTNET_B2_EXECUTION={!r} is unknown; choose one of {}".format(execution, ", ".join(EXECUTIONS))
        )
    steps = EXECUTIONS[: EXECUTIONS.index(execution) + 1]
    memory_format = torch.channels_last if "channels_last" in steps else torch.contiguous_format
    model = model.to(memory_format=memory_format)
    if "traced" not in steps:
        return model, memory_format
    images = torch.zeros(2, 3, IMAGE_SIZE, IMAGE_SIZE).contiguous(memory_format=memory_format)
    with torch.no_grad(), torch.autocast("cpu", enabled="bfloat16" in steps, cache_enabled=False):
        return torch.jit.freeze(torch.jit.trace(model, images)), memory_format


def warm_up():
    """Predict until nothing more is compiled: a traced network is optimised in its first two calls, for half a second.

    FastDeploy's start-up tuner times the first call of each size.
    """
    blank = numpy.zeros((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=numpy.float32)
    for size in (1, 2, 1):
        predict_batch([blank] * size)


def preprocess(image_bytes):
    """Return the image as float32 of shape (260, 260, 3), normalised: shorter side resized, then the centre cropped."""
    with Image.open(io.BytesIO(image_bytes)) as file:
        image = file.convert("RGB")
    scale = IMAGE_SIZE / min(image.size)
    width, height = (max(IMAGE_SIZE, round(side * scale)) for side in image.size)
    left, top = (width - IMAGE_SIZE) // 2, (height - IMAGE_SIZE) // 2
    image = image.resize((width, height), Image.BICUBIC).crop((left, top, left + IMAGE_SIZE, top + IMAGE_SIZE))
    return (numpy.asarray(image, dtype=numpy.float32) / 255 - MEAN) / DEVIATION


def predict_batch(batch):
    """Return the five most probable (class id, probability) for each of the preprocessed images in ``batch``."""
    images = torch.from_numpy(numpy.stack(batch)).permute(0, 3, 1, 2)  # a channels-last view: nothing is copied
    with torch.no_grad():
        scores = call(images.contiguous(memory_format=memory_format)).float()
        probabilities, classes = scores.softmax(dim=1).topk(TOP)
    return [list(map(list, zip(ids, values))) for ids, values in zip(classes.tolist(), probabilities.tolist())]


def answer_batch(inputs):
    """Return one answer per input; an input that is not an image gets its own error and disturbs no other."""
    answers, batch, places = [], [], []
    for place, image_bytes in enumerate(inputs):
        answers.append({"weights": label})
        try:
            batch.append(preprocess(image_bytes))
            places.append(place)
        except Exception as error:  # noqa: BLE001  (Pillow raises many types; whichever, it is this input's alone)
            answers[place]["error"] = "not a readable image ({})".format(type(error).__name__)
    for place, top in zip(places, predict_batch(batch) if batch else []):
        answers[place]["top"] = top
    return answers


def predictor(inputs, batch_size=1):
    """Classify image files, at most ``batch_size`` decoded at a time.

    inputs: a list of ``bytes``, each the content of an image file that Pillow reads. At most ``BATCH_SIZE_MAX`` images
    are predicted at once, whatever ``batch_size`` says.
    Returns a list as long: ``{"weights": label, "top": [[class id, probability] × 5]}`` or ``{"weights": label,
    "error": reason}``.
    """
    answers = []
    batch_size = min(batch_size, BATCH_SIZE_MAX)
    for start in range(0, len(inputs), batch_size):
        answers += answer_batch(inputs[start : start + batch_size])
    return answers


model, label = load_model(os.environ.get("EFFICIENTNET_B2_WEIGHTS", ""))
call, memory_format = executed(model, os.environ.get("EFFICIENTNET_B2_EXECUTION", "traced"))
warm_up()
