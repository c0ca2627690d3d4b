"""EfficientNet-B2 (the ``efficientnet-pytorch`` library's own) on image files: the five most probable ImageNet classes.

Owns decoding, preprocessing and the choice of weights. Environment variable ``EFFICIENTNET_B2_WEIGHTS``:

- unset or ``random``: weights drawn from a fixed seed. Prediction takes as long as with trained ones; its answers mean
  nothing.
- ``official``: the trained weights that upstream's ``from_pretrained`` downloads.
- anything else: the path of a local file with trained weights, in upstream's format.

Every answer names the weights that it was made with.
"""

import io
import os

import numpy
import torch
from efficientnet_pytorch import EfficientNet
from PIL import Image

ARCHITECTURE = "efficientnet-b2"
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
    return model.eval().to(memory_format=torch.channels_last), label


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
    pixels = torch.from_numpy(numpy.stack(batch)).permute(0, 3, 1, 2)  # a channels-last view, nothing is copied
    with torch.no_grad():
        probabilities, classes = model(pixels).softmax(dim=1).topk(TOP)
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
